"""Study: what can evolution shape without prediction errors?"""
