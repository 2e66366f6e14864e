// A force field of mlff as a pair style of LAMMPS, in a plugin: nothing of LAMMPS is patched or built again.
//
//     units metal
//     pair_style mlff
//     pair_coeff * * model.h5 Ag I        # the element of each atom type; NULL under hybrid: not an atom of this model
//
// Energies of the own atoms from their full neighbour lists; forces and virials are given to neighbours, ghosts
// included, and LAMMPS brings them home (newton on). `fix pair` reads the spilling factors. Units: eV, angstrom.
// Compiled for one release of LAMMPS, as there is no stable interface; any other is refused.
#include <mlff.h>
#include <mpi.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "lammps.h"
#include "library.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "update.h"

namespace LAMMPS_NS {

class PairMLFF : public Pair {
 public:
    explicit PairMLFF(LAMMPS* lammps) : Pair(lammps) {
        single_enable = 0;
        restartinfo = 0;  // the model is a file: pair_style and pair_coeff are repeated after read_restart
        one_coeff = 1;
        manybody_flag = 1;
        no_virial_fdotr_compute = 1;  // the model gives its virial
        centroidstressflag = CENTROID_AVAIL;
    }

    ~PairMLFF() override {
        if (!allocated) return;
        memory->destroy(setflag);
        memory->destroy(cutsq);
    }

    void settings(int n_words, char**) override {
        if (n_words > 0)
            error->all(FLERR,
                       "pair_style mlff takes no arguments; the model belongs to pair_coeff * * model.h5 ELEMENTS");
    }

    void coeff(int n_words, char** words) override {
        const int n_types = atom->ntypes;
        if (n_words < 3) error->all(FLERR, "pair_coeff of mlff needs * * model.h5 and the element of each atom type");
        if (n_words - 3 != n_types)
            error->all(FLERR, "pair_coeff of mlff needs one element for each of the " + std::to_string(n_types) +
                                  " atom types, got " + std::to_string(n_words - 3));
        read_model(words[2]);
        channel_of_type_.assign(static_cast<std::size_t>(n_types) + 1, -1);
        for (int type = 1; type <= n_types; ++type) {
            const char* element = words[2 + type];
            if (std::strcmp(element, "NULL") == 0) continue;
            const int channel = mlff_model_channel(model_.get(), mlff_atomic_number(element));
            if (channel < 0)
                error->all(FLERR,
                           std::string(words[2]) + " does not know the element " + element + "; it knows " + known());
            channel_of_type_[static_cast<std::size_t>(type)] = channel;
        }
        if (!allocated) {
            memory->create(setflag, n_types + 1, n_types + 1, "pair:setflag");
            memory->create(cutsq, n_types + 1, n_types + 1, "pair:cutsq");
            allocated = 1;
        }
        for (int i = 1; i <= n_types; ++i)
            for (int j = 1; j <= n_types; ++j)
                setflag[i][j] = channel_of_type_[static_cast<std::size_t>(i)] >= 0 &&
                                channel_of_type_[static_cast<std::size_t>(j)] >= 0;
    }

    void init_style() override {
        if (std::strcmp(update->unit_style, "metal") != 0)
            error->all(FLERR, std::string("pair_style mlff needs units metal, got units ") + update->unit_style);
        if (force->newton_pair == 0)
            error->all(FLERR, "pair_style mlff needs newton on: it gives forces to ghost atoms");
        if (!model_) error->all(FLERR, "pair_style mlff needs pair_coeff * * model.h5 ELEMENTS");
        check_masses();
        neighbor->add_request(this, NeighConst::REQ_FULL);
    }

    double init_one(int, int) override { return mlff_model_cutoff(model_.get()); }

    void compute(int eflag, int vflag) override {
        ev_init(eflag, vflag);
        const int n = atom->nlocal + atom->nghost;
        gather_neighbors(n);
        mlff_neighbors neighbors{};
        neighbors.n_atoms = n;
        neighbors.positions = n > 0 ? atom->x[0] : nullptr;
        neighbors.channels = channels_.data();
        neighbors.n_centres = static_cast<int>(centres_.size());
        neighbors.centres = centres_.data();
        neighbors.n_neighbors = counts_.data();
        neighbors.neighbors = lists_.data();
        neighbors.index_mask = NEIGHMASK;

        mlff_results results{};
        results.forces = n > 0 ? atom->f[0] : nullptr;
        if (eflag_atom) results.atom_energies = eatom;
        const bool virials_wanted = vflag_atom || cvflag_atom;
        if (virials_wanted) {
            virials_.assign(9 * static_cast<std::size_t>(n), 0.0);
            results.virials = virials_.data();
        }
        if (spilling_asked_ && (spilling_now_ != 0 || !spilling_triggered_)) {
            spilling_.assign(static_cast<std::size_t>(std::max(n, atom->nmax)), 0.0);
            results.spilling = spilling_.data();
        }
        if (n > 0 &&
            mlff_evaluate_neighbors(model_.get(), workspace_.get(), &neighbors, comm->nthreads, &results) != MLFF_OK)
            error->one(FLERR, std::string("pair_style mlff: ") + mlff_last_error());
        if (eflag_global) eng_vdwl += results.energy;
        if (vflag_global) {  // virial = -dE/d(strain)
            static constexpr int voigt[6] = {0, 4, 8, 1, 2, 5};
            for (int k = 0; k < 6; ++k) virial[k] -= results.strain[voigt[k]];
        }
        if (virials_wanted) add_virials(n);
    }

    void* extract(const char* name, int& dimension) override {
        dimension = 0;
        if (std::strcmp(name, "spilling_flag") != 0) return nullptr;
        spilling_triggered_ = true;
        return &spilling_now_;
    }

    void* extract_peratom(const char* name, int& n_columns) override {
        if (std::strcmp(name, "spilling") != 0) return nullptr;
        n_columns = 0;
        spilling_asked_ = true;
        const auto n = static_cast<std::size_t>(atom->nmax);
        if (spilling_.size() < n) spilling_.resize(n, 0.0);
        return spilling_.data();
    }

    double memory_usage() override {
        return Pair::memory_usage() +
               static_cast<double>(sizeof(double) * (virials_.capacity() + spilling_.capacity()) +
                                   sizeof(int) * (channels_.capacity() + centres_.capacity() + counts_.capacity()) +
                                   sizeof(int*) * lists_.capacity());
    }

 private:
    /// Rank 0 reads the file, the others get its bytes: a shared file system is asked once.
    void read_model(const std::string& path) {
        std::string bytes;
        long long size = -1;
        if (comm->me == 0) {
            std::ifstream file(path, std::ios::binary);
            if (file) {
                bytes.assign(std::istreambuf_iterator<char>(file), {});
                size = static_cast<long long>(bytes.size());
            }
        }
        MPI_Bcast(&size, 1, MPI_LONG_LONG, 0, world);
        if (size < 0) error->all(FLERR, "pair_coeff of mlff: cannot read the model " + path);
        if (size > std::numeric_limits<int>::max()) error->all(FLERR, "the model " + path + " is larger than 2 GB");
        bytes.resize(static_cast<std::size_t>(size));
        MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_CHAR, 0, world);
        mlff_model* model = nullptr;
        mlff_workspace* workspace = nullptr;
        const bool bad = mlff_model_from_bytes(bytes.data(), bytes.size(), &model) != MLFF_OK ||
                         mlff_workspace_create(model, &workspace) != MLFF_OK;
        model_.reset(model);
        workspace_.reset(workspace);
        int any_bad = bad;
        MPI_Allreduce(MPI_IN_PLACE, &any_bad, 1, MPI_INT, MPI_MAX, world);
        if (any_bad) error->all(FLERR, path + ": " + mlff_last_error());
    }

    std::string known() const {
        std::string list;
        for (int channel = 0; channel < mlff_model_n_species(model_.get()); ++channel)
            list +=
                (channel > 0 ? " " : "") + std::string(mlff_element_symbol(mlff_model_species(model_.get(), channel)));
        return list;
    }

    /// Elements in the wrong order are the commonest mistake, and nothing but the masses shows it.
    void check_masses() const {
        if (!atom->mass || atom->rmass) return;
        for (int type = 1; type <= atom->ntypes; ++type) {
            const int channel = channel_of_type_[static_cast<std::size_t>(type)];
            if (channel < 0 || !atom->mass_setflag[type]) continue;
            const int own = mlff_model_species(model_.get(), channel);
            const auto is_mass_of = [&](int element, double tolerance) {
                return std::abs(atom->mass[type] / mlff_atomic_mass(element) - 1.0) < tolerance;
            };
            if (is_mass_of(own, 0.05)) continue;
            char text[160];
            std::snprintf(text, sizeof text, "atom type %d has mass %g, but pair_coeff says %s (%g)", type,
                          atom->mass[type], mlff_element_symbol(own), mlff_atomic_mass(own));
            for (int other = 0; other < mlff_model_n_species(model_.get()); ++other)
                if (is_mass_of(mlff_model_species(model_.get(), other), 0.01))
                    error->all(FLERR, std::string(text) + "; give the elements in the order of the atom types");
            if (comm->me == 0) error->warning(FLERR, text);
        }
    }

    void gather_neighbors(int n) {
        channels_.resize(static_cast<std::size_t>(n));
        for (int i = 0; i < n; ++i)
            channels_[static_cast<std::size_t>(i)] = channel_of_type_[static_cast<std::size_t>(atom->type[i])];
        centres_.clear();
        counts_.clear();
        lists_.clear();
        for (int k = 0; k < list->inum; ++k) {
            const int i = list->ilist[k];
            if (channels_[static_cast<std::size_t>(i)] < 0) continue;
            centres_.push_back(i);
            counts_.push_back(list->numneigh[i]);
            lists_.push_back(list->firstneigh[i]);
        }
    }

    /// W_j (xx xy xz yx yy yz zx zy zz, the position first) in LAMMPS' orders: xx yy zz xy xz yz, and with yx zx zy.
    /// Its sum is the virial, so that the sign is that of LAMMPS, whose computes change it to that of a stress.
    void add_virials(int n) {
        static constexpr int order[9] = {0, 4, 8, 1, 2, 5, 3, 6, 7};
        for (int i = 0; i < n; ++i) {
            const double* w = virials_.data() + 9 * static_cast<std::size_t>(i);
            if (cvflag_atom)
                for (int k = 0; k < 9; ++k) cvatom[i][k] += w[order[k]];
            if (vflag_atom)
                for (int k = 0; k < 6; ++k) vatom[i][k] += k < 3 ? w[order[k]] : 0.5 * (w[order[k]] + w[order[k + 3]]);
        }
    }

    struct Free {
        void operator()(mlff_model* model) const { mlff_model_free(model); }
        void operator()(mlff_workspace* workspace) const { mlff_workspace_free(workspace); }
    };
    std::unique_ptr<mlff_model, Free> model_;
    std::unique_ptr<mlff_workspace, Free> workspace_;
    std::vector<int> channel_of_type_;  ///< species channel of each atom type, from 1; -1: not an atom of this model
    std::vector<int> channels_, centres_, counts_;
    std::vector<const int*> lists_;
    std::vector<double> virials_, spilling_;
    int spilling_now_ = 0;             ///< set by fix pair before a step whose values it will read
    bool spilling_asked_ = false;      ///< somebody has asked for the array
    bool spilling_triggered_ = false;  ///< and says with spilling_now_ when it is needed
};

}  // namespace LAMMPS_NS

extern "C" {

// What LAMMPS takes from a plugin, as its developer guide says.
struct lammpsplugin_t {
    const char *version, *style, *name, *info, *author;
    void* (*creator)(void*);
    void* handle;
};

__attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle, void* regfunc) {
    if (lammps_version(lammps) != MLFF_LAMMPS_VERSION) {
        const std::string text = "the plugin of mlff was compiled for LAMMPS " + std::to_string(MLFF_LAMMPS_VERSION) +
                                 " and does not serve LAMMPS " + std::to_string(lammps_version(lammps)) +
                                 "; compile it with: python3 -m mlff.lammps";
        lammps_error(lammps, LMP_ERROR_ALL, text.c_str());
        return;
    }
    lammpsplugin_t plugin{};
    plugin.version = static_cast<LAMMPS_NS::LAMMPS*>(lammps)->version;
    plugin.style = "pair";
    plugin.name = "mlff";
    plugin.info = "machine-learned force fields of mlff";
    plugin.author = "the authors of mlff";
    plugin.creator = [](void* host) -> void* { return new LAMMPS_NS::PairMLFF(static_cast<LAMMPS_NS::LAMMPS*>(host)); };
    plugin.handle = handle;
    reinterpret_cast<void (*)(lammpsplugin_t*, void*)>(regfunc)(&plugin, lammps);
}
}
