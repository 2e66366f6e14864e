#include "libmlff/parallel/distributed_executor.hpp"

#include <map>
#include <stdexcept>

#include "libmlff/io/model_file.hpp"
#include "libmlff/parallel/descriptor_message.hpp"
#include "libmlff/parallel/distributed_calculator.hpp"

namespace mlff {

namespace {

Message encode(int handle, const ColumnUpdate& columns) {
    Message message = Message::of(handle, columns.from, columns.to, columns.fresh_to);
    for (const auto* references : {&columns.fresh, &columns.all}) {
        message << references->size();
        for (const auto& set : *references) message << set.features;
    }
    return message;
}

ColumnUpdate decode(Message& message) {
    ColumnUpdate columns;
    message >> columns.from >> columns.to >> columns.fresh_to;
    for (auto* references : {&columns.fresh, &columns.all}) {
        references->resize(message.get<std::size_t>());
        for (auto& set : *references) message >> set.features;
    }
    return columns;
}

/// Design rows of all ranks, accessed by rank 0. Structures are dealt to the ranks one by one.
class DistributedTrainingRows final : public TrainingRows {
 public:
    DistributedTrainingRows(const std::shared_ptr<const descriptors::Descriptor>& descriptor, int kernel_power,
                            const std::vector<int>& species, Communicator& world)
        : own_(descriptor, kernel_power, species), world_(world), handle_(world.new_handle()) {
        world_.start("begin training", Message::of(handle_, kernel_power, species, descriptor->options()));
        world_.done();
    }
    DistributedTrainingRows(const DistributedTrainingRows&) = delete;
    DistributedTrainingRows& operator=(const DistributedTrainingRows&) = delete;
    ~DistributedTrainingRows() override {
        if (world_.in_task()) return;
        world_.start("drop training", Message::of(handle_));
        world_.done();
    }

    [[nodiscard]] std::unique_ptr<TrainingRows> clone() const override {
        throw std::logic_error("design rows on several ranks cannot be copied");
    }

    void update(const ColumnUpdate& columns, std::vector<LabeledStructure> added) override {
        world_.start("update rows", encode(handle_, columns));
        std::vector<std::vector<LabeledStructure>> shares(static_cast<std::size_t>(world_.size()));
        for (auto& item : added) shares[n_structures_++ % shares.size()].push_back(std::move(item));
        std::vector<Message> messages;
        for (const auto& share : shares) messages.push_back(Message::of(share));
        (void)world_.scatter(messages);
        do_share(&world_, [&] { own_.update(columns, std::move(shares.front())); });
        world_.done();
    }

    [[nodiscard]] RegressionData factors() const override {
        world_.start("factorise training", Message::of(handle_));
        RegressionData data(0, {});
        do_share(&world_, [&] { data = own_.factors(); });
        world_.merge(data);
        world_.done();
        return data;
    }

    [[nodiscard]] Eigen::Matrix2Xd force_errors(const Eigen::VectorXd& weights) const override {
        world_.start("force errors", Message::of(handle_, weights));
        Eigen::Matrix2Xd sums;
        do_share(&world_, [&] { sums = own_.force_errors(weights); });
        world_.sum(sums);
        world_.done();
        return sums;
    }

    [[nodiscard]] std::size_t bytes() const override { return own_.bytes(); }  ///< on rank 0

 private:
    LocalTrainingRows own_;
    Communicator& world_;
    int handle_;
    std::size_t n_structures_ = 0;
};

/// Triangular factors of rows that all ranks have, merged on rank 0 by a binary tree.
struct SharedFactor {
    bayes::TriangularFactor rows;

    void merge(const SharedFactor& other) { rows.merge(other.rows); }
    void write(Message& message) const { message << rows.R() << rows.n_rows(); }
    static SharedFactor read(Message& message) {
        auto R = message.get<Eigen::MatrixXd>();
        return {{std::move(R), message.get<Eigen::Index>()}};
    }
};

void merge(PartedData& data, Communicator& world) {
    for (RegressionData& part : data.parts()) world.merge(part);  // one by one, as a part is large
}

}  // namespace

Message encode(const RowModel& model) {
    Message message;
    message << model.descriptor->options() << model.kernel_power << model.species << model.n_parts << model.held_out;
    for (const auto& set : model.references) message << set.multipliers();  // rows need nothing else
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

PickedFeatures DistributedExecutor::describe(std::span<const PickedAtoms> picked,
                                             const descriptors::Descriptor& descriptor, const std::vector<int>& species,
                                             const Progress& progress) {
    if (world_.alone()) return Executor::describe(picked, descriptor, species, progress);
    world_.start("describe", Message::of(descriptor.options(), species));
    const std::size_t n_own = world_.scatter_by_cost(
        picked.size(), [&](std::size_t k) { return picked[k].structure->size(); },
        [&](Message& message, std::size_t k) { message << *picked[k].structure << picked[k].atoms; });
    PickedFeatures own;
    do_share(&world_, [&] { own = Executor::describe(picked.first(n_own), descriptor, species, progress); });
    std::vector<PickedFeatures> blocks;  // of the ranks, in order
    Eigen::Index n = 0;
    for (Message& message : world_.gather(Message::of(own.features, own.has_neighbors))) {
        PickedFeatures& block = blocks.emplace_back();
        message >> block.features >> block.has_neighbors;
        n += block.features.cols();
    }
    world_.done();
    PickedFeatures all;
    all.features.resize(descriptor.size(), n);
    n = 0;
    for (const PickedFeatures& block : blocks) {
        all.features.middleCols(n, block.features.cols()) = block.features;
        n += block.features.cols();
        all.has_neighbors.insert(all.has_neighbors.end(), block.has_neighbors.begin(), block.has_neighbors.end());
    }
    return all;
}

PartedData DistributedExecutor::accumulate_rows(const RowModel& model, std::span<const PartedStructure> items,
                                                const Progress& progress) {
    if (world_.alone()) return Executor::accumulate_rows(model, items, progress);
    world_.start("accumulate rows", encode(model));
    const std::size_t n_own = world_.scatter_by_cost(
        items.size(), [&](std::size_t k) { return items[k].structure->structure.size(); },
        [&](Message& message, std::size_t k) { message << items[k].part << *items[k].structure; });
    PartedData data(0, {}, 1, false);
    do_share(&world_, [&] { data = Executor::accumulate_rows(model, items.first(n_own), progress); });
    merge(data, world_);
    world_.done();
    return data;
}

bayes::TriangularFactor DistributedExecutor::influences(const ForceField& model,
                                                        std::span<const LabeledStructure* const> data,
                                                        const LabelWeights& weights, const Progress& progress) {
    if (world_.alone()) return Executor::influences(model, data, weights, progress);
    world_.start("influences", Message::of(encode_model(model, true), weights.energy, weights.force, weights.stress));
    const std::size_t n_own = world_.scatter_by_cost(
        data.size(), [&](std::size_t k) { return data[k]->structure.size(); },
        [&](Message& message, std::size_t k) { message << *data[k]; });
    SharedFactor own{bayes::TriangularFactor(model.n_references())};
    do_share(&world_, [&] { own.rows = Executor::influences(model, data.first(n_own), weights, progress); });
    world_.merge(own);
    world_.done();
    return std::move(own.rows);
}

std::unique_ptr<TrainingRows> DistributedExecutor::training_rows(
    std::shared_ptr<const descriptors::Descriptor> descriptor, int kernel_power, const std::vector<int>& species) {
    if (world_.alone()) return Executor::training_rows(std::move(descriptor), kernel_power, species);
    return std::make_unique<DistributedTrainingRows>(descriptor, kernel_power, species, world_);
}

std::unique_ptr<ModelCalculator> DistributedExecutor::calculator(ForceField force_field, double skin) {
    if (world_.alone()) return Executor::calculator(std::move(force_field), skin);
    return std::make_unique<DistributedCalculator>(std::move(force_field), skin, world_);
}

void add_executor_tasks(TaskHandlers& handlers) {
    handlers["describe"] = [](Communicator& world, Message message) {
        const auto options = message.get<descriptors::DescriptorOptions>();
        const auto species = message.get<std::vector<int>>();
        Message share = world.scatter({});
        PickedFeatures own;
        do_share(&world, [&] {
            std::vector<Structure> structures(share.get<std::size_t>());
            std::vector<PickedAtoms> picked;
            for (auto& structure : structures) {
                share >> structure;
                picked.push_back({&structure, share.get<std::vector<int>>()});
            }
            own = describe(picked, descriptors::Descriptor(options, static_cast<int>(species.size())), species,
                           no_progress);
        });
        (void)world.gather(Message::of(own.features, own.has_neighbors));
    };
    handlers["accumulate rows"] = [](Communicator& world, Message message) {
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
            data = accumulate_rows(model, items, no_progress);
        });
        merge(data, world);
    };
    handlers["influences"] = [](Communicator& world, Message message) {
        Message share = world.scatter({});
        SharedFactor own{bayes::TriangularFactor(1)};
        do_share(&world, [&] {
            const ForceField model = decode_model(message.get<std::string>());
            LabelWeights weights;
            message >> weights.energy >> weights.force >> weights.stress;
            const auto structures = share.get<std::vector<LabeledStructure>>();
            std::vector<const LabeledStructure*> data;
            for (const auto& item : structures) data.push_back(&item);
            own.rows = influences_of(model, data, weights, no_progress);
        });
        world.merge(own);
    };

    auto rows = std::make_shared<std::map<int, LocalTrainingRows>>();
    handlers["begin training"] = [rows](Communicator&, Message message) {
        const int handle = message.get<int>(), kernel_power = message.get<int>();
        auto species = message.get<std::vector<int>>();
        auto descriptor = std::make_shared<descriptors::Descriptor>(message.get<descriptors::DescriptorOptions>(),
                                                                    static_cast<int>(species.size()));
        rows->emplace(handle, LocalTrainingRows(std::move(descriptor), kernel_power, std::move(species)));
    };
    handlers["drop training"] = [rows](Communicator&, Message message) { rows->erase(message.get<int>()); };
    handlers["update rows"] = [rows](Communicator& world, Message message) {
        const int handle = message.get<int>();
        Message share = world.scatter({});
        do_share(&world, [&] {
            const ColumnUpdate columns = decode(message);
            rows->at(handle).update(columns, share.get<std::vector<LabeledStructure>>());
        });
    };
    handlers["factorise training"] = [rows](Communicator& world, Message message) {
        RegressionData data(0, {});
        do_share(&world, [&] { data = rows->at(message.get<int>()).factors(); });
        world.merge(data);
    };
    handlers["force errors"] = [rows](Communicator& world, Message message) {
        const int handle = message.get<int>();
        Eigen::Matrix2Xd sums;
        do_share(&world, [&] { sums = rows->at(handle).force_errors(message.get<Eigen::VectorXd>()); });
        world.sum(sums);
    };
}

}  // namespace mlff
