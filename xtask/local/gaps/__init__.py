"""What ministack leaves out, one service to a file; see aws.py."""
