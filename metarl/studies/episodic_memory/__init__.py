"""Study: does an episodic memory recall a known problem from its context?"""
