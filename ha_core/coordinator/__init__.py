"""What only the coordinator does: admit nodes, plan, give orders, number events, answer
commands.
"""
