"""Study: must one cost train the whole network, or may each area have its own?"""
