"""One construct per capability, in the folder of the stack it is for, or in `common`."""
