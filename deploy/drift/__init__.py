"""Drift: have the rows and the predictions moved away from the reference of a release, further than chance explains?"""
