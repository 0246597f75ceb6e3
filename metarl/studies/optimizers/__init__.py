"""Study: does an optimizer's regret RPE set a good learning rate?"""
