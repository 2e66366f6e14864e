#include "libmlff/regression/row_accumulation.hpp"

#include "libmlff/model/environments.hpp"

namespace mlff {
PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items, const Progress& progress) {
    PartedData data(count_references(model.references), model.species, model.n_parts, model.held_out);
    long done = 0;
    for (const auto& [item, part] : items) {
        Environments environments(model.species, model.descriptor->cutoff(), 0.0);
        environments.update(item->structure);
        data.add(part,
                 design_rows(*model.descriptor, model.kernel_power, model.references, environments, item->structure),
                 *item);
        progress(++done, static_cast<long>(items.size()), "design matrix");
    }
    return data;
}

}  // namespace mlff
