"""The same plan on a SLURM cluster: profiles, launcher, watcher; knows nothing of bench."""
