"""Dask workers for gfpipe as jobs of Slurm.

    python slurm.py --jobs 10 --cores 16

Needs pip install 'gfpipe[cluster]' dask-jobqueue, on a machine that submits jobs and that they reach by network, with
dask.yaml and the certificates at the same paths on all nodes. Prints the address for gfpipe analyse --scheduler, and
keeps the jobs running until Ctrl-C.
"""

import argparse
from threading import Event

from dask_jobqueue import SLURMCluster


def main() -> None:
    """Submit the jobs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="number of jobs (default 1)")
    parser.add_argument("--cores", type=int, default=8, help="cores of a job: as many recordings at once (default 8)")
    parser.add_argument("--memory", help="memory of a job (default 2 GB a core)")
    parser.add_argument("--walltime", default="12:00:00", help="longest time of a job (default 12:00:00)")
    parser.add_argument("--queue", help="Slurm's partition")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs of a job (default 0)")
    parser.add_argument("--dry-run", action="store_true", help="print the job's script")
    options = parser.parse_args()
    cluster = SLURMCluster(
        cores=options.cores,
        processes=1,  # whose threads supervise one process of gfpipe each
        memory=options.memory or f"{2 * options.cores} GB",
        walltime=options.walltime,
        queue=options.queue,
        job_extra_directives=[f"--gres=gpu:{options.gpus}"] if options.gpus else [],
        worker_extra_args=["--no-dashboard", *([f"--resources gpu={options.gpus}"] if options.gpus else [])],
        protocol="tls://",
        scheduler_options={"dashboard_address": "127.0.0.1:8787"},
    )
    if options.dry_run:
        print(cluster.job_script())
        return
    cluster.scale(jobs=options.jobs)
    print(f"gfpipe analyse ARCHIVE --lake LAKE --scheduler {cluster.scheduler_address}", flush=True)
    Event().wait()


if __name__ == "__main__":
    main()
