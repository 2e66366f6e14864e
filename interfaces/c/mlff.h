/* Energies, forces and error estimates of a force field of mlff, from C and from every language that calls C.
 *
 * Units: eV, angstrom, amu. A function that can fail returns an mlff_status; the message is
 * then in mlff_last_error(). Nothing here prints, exits, reads the environment or changes the settings of OpenMP.
 *
 *     mlff_model* model;          mlff_model_load("model.h5", &model);
 *     mlff_workspace* workspace;  mlff_workspace_create(model, &workspace);
 *     mlff_evaluate_neighbors(model, workspace, &neighbors, n_threads, &results);
 *
 * A model is immutable: any number of threads may use it at the same time, each with a workspace of its own.
 */
#ifndef MLFF_H
#define MLFF_H

#include <stddef.h>

#if defined(__GNUC__)
#define MLFF_API __attribute__((visibility("default")))
#else
#define MLFF_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    MLFF_OK = 0,
    MLFF_FAILED = 1,    /* something went wrong while running */
    MLFF_INPUT = 2,     /* an argument or a file is wrong */
    MLFF_GUARD = 3,     /* reserved for guards */
    MLFF_NUMERICAL = 4, /* a matrix cannot be factored */
    MLFF_MEMORY = 5     /* out of memory */
} mlff_status;

typedef struct mlff_model mlff_model;
typedef struct mlff_workspace mlff_workspace;

/* Version of the library, e.g. "0.1.0". */
MLFF_API const char* mlff_version(void);

/* What went wrong in the last call of this thread that failed; "" before the first. One line, good until the next call.
 */
MLFF_API const char* mlff_last_error(void);

/* A force field from a file model.h5, or from its bytes in memory (which may be freed afterwards). */
MLFF_API mlff_status mlff_model_load(const char* path, mlff_model** model);
MLFF_API mlff_status mlff_model_from_bytes(const void* bytes, size_t size, mlff_model** model);
MLFF_API void mlff_model_free(mlff_model* model); /* NULL does nothing; workspaces of the model stay valid */

/* Largest distance at which atoms interact [angstrom]. */
MLFF_API double mlff_model_cutoff(const mlff_model* model);
/* Number of species, and the atomic number of each: species channel 0, 1, ... of mlff_neighbors. */
MLFF_API int mlff_model_n_species(const mlff_model* model);
MLFF_API int mlff_model_species(const mlff_model* model, int channel); /* 0 if there is no such channel */
/* Channel of an atomic number; -1 if the model does not know it. */
MLFF_API int mlff_model_channel(const mlff_model* model, int atomic_number);

/* Elements: atomic number of a symbol ("Ag": 47; 0 if there is none), symbol ("" if there is none), standard atomic
 * weight [amu] (0 if there is none). */
MLFF_API int mlff_atomic_number(const char* symbol);
MLFF_API const char* mlff_element_symbol(int atomic_number);
MLFF_API double mlff_atomic_mass(int atomic_number);

/* Scratch of one caller; it grows and never shrinks. A workspace belongs to the model that it was created with. */
MLFF_API mlff_status mlff_workspace_create(const mlff_model* model, mlff_workspace** workspace);
MLFF_API void mlff_workspace_free(mlff_workspace* workspace);

/* Positions and neighbour lists of a host program, ghosts included. Nothing is copied or changed. */
typedef struct {
    int n_atoms;                 /* owned atoms and ghosts */
    const double* positions;     /* [angstrom], 3 n_atoms: x y z of each atom */
    const int* channels;         /* species channel of each atom, n_atoms; -1: not an atom of this model */
    int n_centres;               /* atoms whose energies are computed */
    const int* centres;          /* their indices from 0, n_centres */
    const int* n_neighbors;      /* length of the neighbour list of each centre, n_centres */
    const int* const* neighbors; /* full neighbour list of each centre; entries beyond the cutoff are skipped */
    int index_mask;              /* bits of an entry that hold the index (LAMMPS: NEIGHMASK); 0: all */
} mlff_neighbors;

/* Results are ADDED to the arrays, those of ghosts included; spilling is set. NULL: not wanted (forces are needed). */
typedef struct {
    double energy;         /* out: sum over the centres [eV] */
    double strain[9];      /* out: dE/d(strain) [eV], xx xy xz yx yy yz zx zy zz; stress = strain / volume */
    double* forces;        /* [eV/angstrom], 3 n_atoms */
    double* atom_energies; /* of the centres [eV], n_atoms */
    /* W_j = sum_i (r_i - r_j) (x) dE_i/dr_j [eV], 9 n_atoms, xx xy xz yx ..., the position first, given to the
     * neighbour j. Their sum is the virial, -strain; the heat flux is sum_i E_i v_i + sum_j W_j v_j. */
    double* virials;
    double* spilling; /* spilling factor of the centres in [0, 1], n_atoms: 0 known, 1 unknown */
} mlff_results;

/* Adds energies, forces and virials of the centres.   n_threads: OpenMP threads, >= 1. Same arguments, same bits. */
MLFF_API mlff_status mlff_evaluate_neighbors(const mlff_model* model, mlff_workspace* workspace,
                                             const mlff_neighbors* neighbors, int n_threads, mlff_results* results);

/* A structure of its own: the library makes the neighbour list and keeps it while atoms move little. */
typedef struct {
    int n_atoms;
    const double* positions;   /* [angstrom], 3 n_atoms; they need not lie inside the cell */
    const int* atomic_numbers; /* n_atoms */
    double cell[9];            /* [angstrom], one lattice vector after the other; a vector may be 0 if not periodic */
    int periodic[3];           /* along each lattice vector: 1 or 0 */
} mlff_structure;

/* Results are SET. NULL: not wanted. Deviations are Bayesian error estimates times the calibration of the model. */
typedef struct {
    double energy;                /* [eV] */
    double stress[6];             /* (1/V) dE/d(strain) [eV/angstrom^3], xx yy zz yz xz xy; 0 without a volume */
    double* forces;               /* [eV/angstrom], 3 n_atoms */
    double* atom_energies;        /* [eV], n_atoms */
    double* virials;              /* as in mlff_results, 9 n_atoms */
    double* spilling;             /* n_atoms */
    int with_errors;              /* in: 1 computes the following */
    double energy_error_per_atom; /* [eV/atom] */
    double stress_error[6];       /* [eV/angstrom^3] */
    double* force_errors;         /* norm over x, y, z [eV/angstrom], n_atoms; may be NULL */
} mlff_evaluation;

MLFF_API mlff_status mlff_evaluate_structure(const mlff_model* model, mlff_workspace* workspace,
                                             const mlff_structure* structure, int n_threads,
                                             mlff_evaluation* evaluation);

#ifdef __cplusplus
}
#endif

#endif
