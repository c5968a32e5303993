/** How a family of MPI libraries writes what C's header calls by name. */
export interface MpiAbi {
  /** Type of a handle, as koffi calls it. */
  readonly handle: 'void *' | 'int' | 'intptr_t';
  /** A handle by the symbol whose address it is, or by its value. */
  readonly world: string | number;
  readonly byte: string | number;
  /** MPI_STATUS_IGNORE. */
  readonly ignore: number;
}

/** `mpi.h` of Open MPI: handles are addresses of objects in the library. */
const OPEN_MPI: MpiAbi = { handle: 'void *', world: 'ompi_mpi_comm_world', byte: 'ompi_mpi_byte', ignore: 0 };

/** `mpi.h` of MPICH 3 and 4, whose binary interface Intel MPI, MVAPICH2 and Cray's share (the MPICH ABI initiative). */
const MPICH: MpiAbi = { handle: 'int', world: 0x44000000, byte: 0x4c00010d, ignore: 1 };

/** The standard's own, from MPI 5.0 on: chapter 20 and the header of mpi-forum/mpi-abi-stubs. */
const STANDARD: MpiAbi = { handle: 'intptr_t', world: 0x101, byte: 0x247, ignore: 0 };

/** What a library is, by its file's name and by what MPI_Get_library_version says; undefined for one that is not known. */
export function abiOf(file: string, version: string): MpiAbi | undefined {
  if (/libmpi_abi/.test(file)) return STANDARD;
  if (/Open MPI|Open RTE|Spectrum MPI/i.test(version)) return OPEN_MPI;
  return /MPICH|Intel\(R\) MPI|MVAPICH|CRAY/i.test(version) ? MPICH : undefined;
}

/** Debian calls MPICH's library otherwise than MPICH does, since Open MPI's has the name. */
const FILES = {
  openMpi: ['libmpi.so.40', 'libmpi.40.dylib', 'libmpi.so'],
  mpich: ['libmpich.so.12', 'libmpi.so.12', 'libmpi.12.dylib'],
  standard: ['libmpi_abi.so.1', 'libmpi_abi.so.0', 'libmpi_abi.so'],
} as const;

/** The libraries to try, those of the launcher first. `given` is the only one where it is there. */
export function candidates(env: Readonly<Record<string, string | undefined>>, given: string | undefined): string[] {
  if (given) return [given];
  const { openMpi, mpich, standard } = FILES;
  const ofMpich = env.PMI_RANK !== undefined && env.OMPI_COMM_WORLD_RANK === undefined;
  return ofMpich ? [...mpich, ...standard, ...openMpi] : [...openMpi, ...standard, ...mpich];
}
