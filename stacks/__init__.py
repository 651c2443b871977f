"""CloudFormation stacks, one module per lifecycle; the constructs they are made of are in constructs/."""
