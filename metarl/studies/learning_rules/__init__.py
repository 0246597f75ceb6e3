"""Study: must learning be backpropagation through time?"""
