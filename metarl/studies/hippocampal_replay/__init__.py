"""Study: are memories replayed in the order of their value?"""
