"""What of plan and execute happens on a SLURM cluster."""
