"""An independent IAM engine over the policies of the synthesized templates."""
