"""Networks: recurrent cores, encoders of images, episodic memory, actor-critics."""
