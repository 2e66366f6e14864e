#include "libmlff/regression/row_accumulation.hpp"

namespace mlff {
namespace {

PartedData accumulate_share(const RowModel& model, std::span<const PartedStructure> items, const Progress& progress) {
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

}  // namespace

Message encode(const RowModel& model) {
    Message message;
    message << model.descriptor->options() << model.kernel_power << model.species << model.n_parts << model.held_out;
    for (const auto& set : model.references) message << set.multipliers();  // all that rows need
    return message;
}

RowModel decode_row_model(Message& message) {
    RowModel model{};
    const auto options = message.get<descriptors::DescriptorOptions>();
    message >> model.kernel_power >> model.species >> model.n_parts >> model.held_out;
    model.descriptor = std::make_shared<descriptors::Descriptor>(options, static_cast<int>(model.species.size()));
    model.references.resize(model.species.size());
    for (auto& set : model.references) message >> set.features;
    return model;
}

PartedData accumulate_rows(const RowModel& model, std::span<const PartedStructure> items, Communicator* world,
                           const Progress& progress) {
    if (world == nullptr || world->alone()) return accumulate_share(model, items, progress);
    world->start(Task::accumulate_rows, encode(model));
    const std::size_t n_own = world->scatter_by_cost(
        items.size(), [&](std::size_t k) { return items[k].structure->structure.size(); },
        [&](Message& message, std::size_t k) { message << items[k].part << *items[k].structure; });
    PartedData data(0, {}, 1, false);
    do_share(world, [&] { data = accumulate_share(model, items.first(n_own), progress); });
    data.merge_over(*world);
    world->done();
    return data;
}

void help_accumulate_rows(Communicator& world, Message message) {
    Message share = world.scatter({});
    PartedData data(0, {}, 1, false);
    do_share(&world, [&] {
        const RowModel model = decode_row_model(message);
        std::vector<LabeledStructure> structures(share.get<std::size_t>());
        std::vector<PartedStructure> items;
        for (auto& item : structures) {
            const int part = share.get<int>();
            share >> item;
            items.push_back({&item, part});
        }
        data = accumulate_share(model, items, no_progress);
    });
    data.merge_over(world);
}

}  // namespace mlff
