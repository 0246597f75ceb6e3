"""Study: does replay preserve a task while a second one is learned?"""
