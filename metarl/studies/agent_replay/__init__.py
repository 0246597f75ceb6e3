"""Study: do replayed episodes make an agent learn from fewer new ones?"""
