"""Measures what a server's work costs: CPU time of all its processes per unit of work.

The load generator knows nothing of a server but its address and process ids, and is cheap itself
(prebuilt bytes out, byte counts in). Cost is read from /proc, so that it holds on a noisy machine;
peers run in the same run, in turn, so that ratios hold when the machine drifts.
"""
