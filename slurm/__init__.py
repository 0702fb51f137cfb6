"""Runs on a SLURM cluster: profiles, launcher, worker, watcher. Imports nothing from bench."""
