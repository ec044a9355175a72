"""The library that both sides of the sample application use: kinds of files, their text, what an analysis finds, how a
review is scored. Pure: files are given open, time as an argument. Imports neither side, nor the gateway.
"""
