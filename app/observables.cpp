#include "app/observables.hpp"

#include "app/motion_observables.hpp"
#include "app/structure_observables.hpp"

namespace mlff::app {

std::unique_ptr<Observable> read_observable(ConfigSection& section) {
    using Reader = std::unique_ptr<Observable> (*)(ConfigSection&);
    if (!section.has("type")) section.fail("type", "is missing; it must be rdf, msd, vdos or the like");
    Reader reader = read_radial_distribution;
    section.read_choice("type", reader,
                        {{"rdf", read_radial_distribution},
                         {"msd", read_displacement},
                         {"vdos", read_vibrations},
                         {"van_hove", read_van_hove},
                         {"tetrahedra", read_tetrahedra},
                         {"distance_angle", read_distance_angle},
                         {"conductivity", read_conductivity},
                         {"arrhenius", read_arrhenius},
                         {"cell", read_cell}});
    return reader(section);
}

}  // namespace mlff::app
