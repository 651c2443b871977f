"""What the constructs of every stack are made with: functions, roles, log groups, the key."""
