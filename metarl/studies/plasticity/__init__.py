"""Study: does learning across sessions need plasticity, and behaviour only activity?"""
