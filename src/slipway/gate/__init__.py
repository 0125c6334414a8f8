"""Decide whether a candidate can be published: rules, comparison, verdict.

May import inference, pipeline, bundle, statistics, tables, settings, contract and reporting.
"""
