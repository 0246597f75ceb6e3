"""The study of episodic memory."""
