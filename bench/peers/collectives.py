"""Times mpi4py's Alltoall and Allgather of float32, for comparison with ours (`bench -- cluster`). Run by mpirun.

Each of so many times: a barrier, Alltoall of so many floats, Allgather of a slice of the sum. Rank 0 prints one JSON object.

Usage: mpirun -np 2 python3 collectives.py FLOATS TIMES
"""
import json
import sys
import time

import numpy
from mpi4py import MPI

world = MPI.COMM_WORLD
floats, times = int(sys.argv[1]), int(sys.argv[2])
slice_ = -(-floats // world.size)
send = numpy.ones(slice_ * world.size, numpy.float32)
into = numpy.empty_like(send)
mine, whole = numpy.ones(slice_, numpy.float32), numpy.empty_like(send)
seconds = []
for _ in range(times):
    world.Barrier()
    began = time.perf_counter()
    world.Alltoall(send, into)
    world.Allgather(mine, whole)
    seconds.append(time.perf_counter() - began)
if world.rank == 0:
    print(json.dumps({"seconds": seconds}))
