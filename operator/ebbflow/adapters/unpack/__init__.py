"""Looking into packs before they are unpacked, and unpacking large ones in a process of their own.

Apart from `adapters.git`, whose imports take ten times as long as what the process needs.
"""
