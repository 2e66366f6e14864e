/* A host in C: neighbour lists with ghosts by brute force, in plain C99. It evaluates the structure through the
 * library's neighbour list, then through its own from three threads of its own at the same time, which use 1, 4 and 64
 * threads of the library, and compares energy, forces and virial. It is as odd as hosts are: its locale writes 0,5 (if
 * LOCALE names one), and it ignores SIGCHLD.
 *   consumer_c model.h5 */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <math.h>
#include <mlff.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N 8 /* atoms of the cell */

static int check(mlff_status status) {
    if (status != MLFF_OK) fprintf(stderr, "status %d: %s\n", (int)status, mlff_last_error());
    return status != MLFF_OK;
}

/* One caller: evaluates the neighbour lists with its own workspace and compares with the whole structure. */
typedef struct {
    const mlff_model* model;
    const mlff_neighbors* neighbors;
    const int* owner; /* atom of the cell that an atom or a ghost is an image of */
    const mlff_evaluation* whole;
    double volume;
    int n_threads;
    double worst; /* out: largest difference, infinite if something failed */
} caller;

static void* evaluate(void* argument) {
    caller* c = argument;
    const int n = c->neighbors->n_atoms;
    c->worst = INFINITY;
    mlff_workspace* workspace = NULL;
    double *f = calloc(3 * (size_t)n, sizeof *f), *w = calloc(9 * (size_t)n, sizeof *w);
    double *e = calloc((size_t)n, sizeof *e), *s = calloc((size_t)n, sizeof *s);
    mlff_results results = {0};
    results.forces = f;
    results.virials = w;
    results.atom_energies = e;
    results.spilling = s;
    if (!check(mlff_workspace_create(c->model, &workspace)) &&
        !check(mlff_evaluate_neighbors(c->model, workspace, c->neighbors, c->n_threads, &results))) {
        double folded[3 * N] = {0}, virial[9] = {0}, worst = fabs(results.energy - c->whole->energy);
        for (int j = 0; j < n; ++j) {
            for (int k = 0; k < 3; ++k) folded[3 * c->owner[j] + k] += f[3 * j + k];
            for (int k = 0; k < 9; ++k) virial[k] += w[9 * j + k];
        }
        for (int k = 0; k < 3 * N; ++k) worst = fmax(worst, fabs(folded[k] - c->whole->forces[k]));
        for (int i = 0; i < N; ++i)
            worst = fmax(worst, fmax(fabs(e[i] - c->whole->atom_energies[i]), fabs(s[i] - c->whole->spilling[i])));
        for (int k = 0; k < 9; ++k) worst = fmax(worst, fabs(virial[k] + results.strain[k]));
        for (int k = 0; k < 3; ++k) worst = fmax(worst, fabs(virial[4 * k] + c->volume * c->whole->stress[k]));
        c->worst = worst;
    }
    mlff_workspace_free(workspace);
    free(f), free(w), free(e), free(s);
    return NULL;
}

int main(int argc, char** argv) {
    if (getenv("LOCALE") && (!setlocale(LC_ALL, getenv("LOCALE")) || *localeconv()->decimal_point != ',')) return 1;
    signal(SIGCHLD, SIG_IGN);
    mlff_model* model = NULL;
    mlff_workspace* workspace = NULL;
    if (argc != 2 || mlff_model_load("no such file", &model) != MLFF_INPUT || strlen(mlff_last_error()) == 0) return 1;
    if (check(mlff_model_load(argv[1], &model)) || check(mlff_workspace_create(model, &workspace))) return 1;
    if (mlff_atomic_number("Ag") != 47 || mlff_atomic_number("Xx") != 0 || strcmp(mlff_element_symbol(53), "I") != 0 ||
        strcmp(mlff_element_symbol(0), "") != 0 || fabs(mlff_atomic_mass(1) - 1.008) > 1e-3 ||
        mlff_atomic_mass(119) != 0.0)
        return 1;
    const double R = mlff_model_cutoff(model);

    /* A skewed cell, smaller than the cutoff, of the first and the last species of the model. */
    mlff_structure cell = {0};
    double positions[3 * N];
    int numbers[N];
    const double H[9] = {6.1, 0.0, 0.0, 1.0, 6.3, 0.0, -0.7, 0.9, 5.9};
    for (int i = 0; i < N; ++i) {
        const double s[3] = {0.5 * (i & 1) + 0.01 * i, 0.5 * (i >> 1 & 1) - 0.012 * i, 0.5 * (i >> 2) + 0.02 * (i % 3)};
        for (int c = 0; c < 3; ++c) positions[3 * i + c] = s[0] * H[c] + s[1] * H[3 + c] + s[2] * H[6 + c];
        numbers[i] = mlff_model_species(model, i % 2 == 0 ? 0 : mlff_model_n_species(model) - 1);
    }
    cell.n_atoms = N;
    cell.positions = positions;
    cell.atomic_numbers = numbers;
    memcpy(cell.cell, H, sizeof H);
    for (int c = 0; c < 3; ++c) cell.periodic[c] = 1;
    double forces[3 * N], energies[N], spilling[N], errors[N];
    mlff_evaluation whole = {0};
    whole.forces = forces;
    whole.atom_energies = energies;
    whole.spilling = spilling;
    whole.with_errors = 1;
    whole.force_errors = errors;
    if (check(mlff_evaluate_structure(model, workspace, &cell, 2, &whole))) return 1;

    /* The same with ghosts: all images in 7 x 7 x 7 cells, the atoms of the cell first. */
    enum { most = 343 * N };
    static double x[3 * most];
    static int channel[most], owner[most], entries[N][most], counts[N], centres[N];
    const int* lists[N];
    int n = 0;
    for (int pass = 0; pass < 2; ++pass)
        for (int a = -3; a <= 3; ++a)
            for (int b = -3; b <= 3; ++b)
                for (int c = -3; c <= 3; ++c)
                    for (int i = 0; i < N && (a == 0 && b == 0 && c == 0) == (pass == 0); ++i, ++n) {
                        owner[n] = i;
                        channel[n] = mlff_model_channel(model, numbers[i]);
                        for (int k = 0; k < 3; ++k)
                            x[3 * n + k] = positions[3 * i + k] + a * H[k] + b * H[3 + k] + c * H[6 + k];
                    }
    for (int i = 0; i < N; ++i) {
        centres[i] = i;
        lists[i] = entries[i];
        for (int j = 0; j < n; ++j) {
            const double d = sqrt(pow(x[3 * j] - x[3 * i], 2) + pow(x[3 * j + 1] - x[3 * i + 1], 2) +
                                  pow(x[3 * j + 2] - x[3 * i + 2], 2));
            if (j != i && d < R + 0.5) entries[i][counts[i]++] = j; /* with a skin, as hosts have it */
        }
    }
    mlff_neighbors neighbors = {n, x, channel, N, centres, counts, lists, 0};
    const double volume = H[0] * H[4] * H[8];
    pthread_t threads[3];
    caller callers[3];
    for (int t = 0; t < 3; ++t) {
        callers[t] = (caller){model, &neighbors, owner, &whole, volume, t == 0 ? 1 : t == 1 ? 4 : 64, 0.0};
        if (pthread_create(&threads[t], NULL, evaluate, &callers[t]) != 0) return 1;
    }
    int good = fabs(forces[0]) > 1e-6 && errors[0] > 0.0;
    for (int t = 0; t < 3; ++t) {
        pthread_join(threads[t], NULL);
        printf("%d threads: %d ghosts, energy %.10f eV, largest difference %.1e\n", callers[t].n_threads, n - N,
               whole.energy, callers[t].worst);
        good = good && callers[t].worst < 1e-10;
    }
    if (!good) return 1;
    entries[0][0] = n; /* a neighbour that does not exist */
    mlff_results results = {0};
    results.forces = x;
    if (mlff_evaluate_neighbors(model, workspace, &neighbors, 1, &results) != MLFF_INPUT) return 1;
    mlff_workspace_free(workspace);
    mlff_model_free(model);
    return 0;
}
