"""Study: does learning the parts first make a whole task easier?"""
