"""CloudFormation stacks, one module per lifecycle; what they are made of is in constructs/."""
