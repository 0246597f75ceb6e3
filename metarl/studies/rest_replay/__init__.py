"""Study: does replay repeat experience, or follow a learned rule?"""
