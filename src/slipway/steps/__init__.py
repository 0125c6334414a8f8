"""The pipeline's steps: functions that components call, each independent of the others.

May import inference, statistics, tables, contract and reporting.
"""
