#include "libmlff/io/model_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/hdf5_reader.hpp"
#include "libmlff/io/hdf5_writer.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "support/files.hpp"
#include "support/force_fields.hpp"

namespace mlff {
namespace {

using testing::content_of;
using testing::error_of;
using testing::random_force_field;
using testing::TemporaryDirectory;

ForceField with_all_options() {
    auto options = testing::small_descriptor();
    options.normalization = descriptors::Normalization::separate;
    options.compression = descriptors::Compression::element;
    options.components = {0, 2, 3, 7, 11, 20};
    return random_force_field(options, {3, 15, 16}, 5, 3)
        .with_calibration({.energy = 4.5, .force = 14.7, .stress = 0.3});
}

ForceField with_decay() {
    auto options = testing::small_descriptor();
    options.radial.decay = 2.5;
    return random_force_field(options, {47, 53});
}

ForceField with_distances() {
    Eigen::MatrixXd shortest(2, 2);
    shortest << 2.7, 2.1, 2.1, std::numeric_limits<double>::infinity();
    return testing::with_shortest_distances(random_force_field(testing::small_descriptor(), {47, 53}), shortest);
}

ForceField with_softening() {
    auto options = testing::small_descriptor();
    options.softening = 0.5;
    return random_force_field(options, {47, 53});
}

/// A force field with the robust covariance and all that a calibration has.
ForceField with_robust_errors() {
    const ForceField plain = random_force_field(testing::small_descriptor(), {47, 53});
    Eigen::MatrixXd F = 0.1 * plain.posterior().factor().cwiseAbs();
    return plain.with_covariance(std::move(F))
        .with_calibration({.energy = 2.0,
                           .force = 3.0,
                           .stress = 4.0,
                           .force_floor = 0.002,
                           .stress_floor = 1e-5,
                           .force_of_species = {{53, 2.5}}});
}

TEST(ModelFile, BringsBackEveryBit) {
    const TemporaryDirectory folder;
    for (const ForceField& written :
         {random_force_field(testing::small_descriptor(), {47, 53}), with_all_options(),
          testing::with_random_metric(with_all_options()), with_decay(), with_distances(), with_robust_errors(),
          with_softening(), with_distances().with_repulsion(Repulsion::zbl)}) {
        write_model(folder.file("model.h5"), written);
        const ForceField read = read_model(folder.file("model.h5"));
        EXPECT_EQ(read.species(), written.species());
        EXPECT_EQ(read.kernel_power(), written.kernel_power());
        EXPECT_EQ(read.e0(), written.e0());
        for (int channel = 0; channel < written.n_channels(); ++channel) {
            EXPECT_EQ(read.references(channel).features, written.references(channel).features);
            EXPECT_EQ(read.references(channel).metric, written.references(channel).metric);
            EXPECT_EQ(read.references(channel).structure, written.references(channel).structure);
            EXPECT_EQ(read.references(channel).atom, written.references(channel).atom);
        }
        int version = 0;  // what earlier programs can read keeps its number
        Hdf5Reader(folder.file("model.h5")).attribute("/", "version", version);
        const bool decays = written.descriptor().options().radial.decay > 0.0;
        const bool robust = written.posterior().covariance().size() > 0;
        const bool based = written.repulsion() == Repulsion::zbl || written.descriptor().options().softening > 0.0;
        EXPECT_EQ(version, based ? 5 : robust ? 4 : decays ? 3 : written.references(0).metric.size() > 0 ? 2 : 1);
        EXPECT_EQ(read.posterior().covariance(), written.posterior().covariance());
        EXPECT_EQ(read.calibration().force_floor, written.calibration().force_floor);
        EXPECT_EQ(read.calibration().stress_floor, written.calibration().stress_floor);
        EXPECT_EQ(read.calibration().force_of_species, written.calibration().force_of_species);
        EXPECT_EQ(read.posterior().weights(), written.posterior().weights());
        EXPECT_EQ(read.posterior().factor(), written.posterior().factor());
        EXPECT_EQ(read.posterior().noise_variance(), written.posterior().noise_variance());
        EXPECT_EQ(read.scales().energy, written.scales().energy);
        EXPECT_EQ(read.scales().force, written.scales().force);
        EXPECT_EQ(read.scales().stress, written.scales().stress);
        EXPECT_EQ(read.shortest_distances(), written.shortest_distances());
        EXPECT_EQ(decode_model(encode_model(written, false)).shortest_distances(), written.shortest_distances());
        EXPECT_EQ(read.calibration().energy, written.calibration().energy);
        EXPECT_EQ(read.calibration().force, written.calibration().force);
        EXPECT_EQ(read.calibration().stress, written.calibration().stress);
        EXPECT_EQ(read.provenance().version, written.provenance().version);
        EXPECT_EQ(read.provenance().reference, written.provenance().reference);
        EXPECT_EQ(read.provenance().settings, written.provenance().settings);
        const auto a = read.descriptor().options(), b = written.descriptor().options();
        EXPECT_EQ(a.normalization, b.normalization);
        EXPECT_EQ(a.compression, b.compression);
        EXPECT_EQ(a.radial_weight, b.radial_weight);
        EXPECT_EQ(a.softening, b.softening);
        EXPECT_EQ(read.repulsion(), written.repulsion());
        EXPECT_EQ(a.components, b.components);
        EXPECT_EQ(Hdf5Reader(folder.file("model.h5")).has("descriptor/components"), !b.components.empty());
        for (const auto& [x, y] : {std::pair{a.radial, b.radial}, std::pair{a.angular, b.angular}}) {
            EXPECT_EQ(x.cutoff, y.cutoff);
            EXPECT_EQ(x.width, y.width);
            EXPECT_EQ(x.functions, y.functions);
            EXPECT_EQ(x.l_max, y.l_max);
            EXPECT_EQ(x.filter, y.filter);
            EXPECT_EQ(x.decay, y.decay);
        }

        const Structure structure = testing::jittered_crystal(3, 2, 2.3, written.species());
        const Request request{.uncertainty = true, .spilling = true};
        ForceFieldCalculator before(written), after(read);
        const Evaluation x = before.evaluate(structure, request), y = after.evaluate(structure, request);
        EXPECT_EQ(x.energy, y.energy);
        EXPECT_EQ(x.forces, y.forces);
        EXPECT_EQ(*x.stress, *y.stress);
        EXPECT_EQ(x.uncertainty->forces, y.uncertainty->forces);
        EXPECT_EQ(x.spilling, y.spilling);

        write_model(folder.file("again.h5"), read);
        EXPECT_EQ(content_of(folder.file("again.h5")), content_of(folder.file("model.h5")));
        EXPECT_EQ(encode_model(decode_model(encode_model(written))), content_of(folder.file("model.h5")));
    }
}

TEST(ModelFile, RefusesANewerVersion) {
    const TemporaryDirectory folder;
    const std::string path = folder.file("model.h5");
    Hdf5Writer file(path);
    file.attribute("/", "format", "mlff-model");
    file.attribute("/", "version", model_format_version + 1);
    file.commit();
    const std::string message = error_of<InputError>([&] { (void)read_model(path); });
    EXPECT_NE(message.find(path), std::string::npos) << message;
    EXPECT_NE(message.find("newer"), std::string::npos) << message;
}

TEST(ModelFile, RefusesWhatIsNoModel) {
    const TemporaryDirectory folder;
    EXPECT_THROW((void)read_model(folder.file("absent.h5")), InputError);
    EXPECT_THROW((void)read_model(folder.file("text.h5", "this is no HDF5 file")), InputError);
    Hdf5Writer file(folder.file("other.h5"));
    file.write("energy", 1.0);
    file.commit();
    const std::string message = error_of<InputError>([&] { (void)read_model(folder.file("other.h5")); });
    EXPECT_NE(message.find("not a force field"), std::string::npos) << message;
}

TEST(ModelFile, RefusesAFileThatIsCutOff) {
    const TemporaryDirectory folder;
    write_model(folder.file("model.h5"), with_all_options());
    const std::string whole = content_of(folder.file("model.h5"));
    for (std::size_t k = 0; k < 40; ++k) {
        const std::string path = folder.file("cut.h5", whole.substr(0, whole.size() * k / 40));
        EXPECT_THROW((void)read_model(path), InputError) << k;
    }
}

/// Data sets that are missing, of another size, or not finite.
TEST(ModelFile, RefusesAFileWithDamagedContent) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "python3 has no h5py";
    const TemporaryDirectory folder;
    write_model(folder.file("model.h5"), with_all_options());
    const std::vector<std::string> damages = {
        "del f['posterior/factor']",
        "del f['references/P/features']",
        "f['e0'][0] = float('nan')",
        "f['references/Li/weights'][1] = float('inf')",
        "f['references/Li/features'][2, 1] = float('nan')",
        "f['posterior/noise_precision'][()] = float('nan')",
        "f['posterior/noise_precision'][()] = 0.0",
        "f['scales/force'][()] = float('nan')",
        "f['scales/force'][()] = 0.0",
        "f['calibration/force'][()] = float('nan')",
        "f['calibration/stress'][()] = -1.0",
        "del f['calibration/energy']",
        "f['kernel/power'][()] = 0",
        "f['descriptor/radial/cutoff'][()] = -1.0",
        "f['descriptor/components'][5] = 100000",
        "f['descriptor/components'][1] = 0",
        "del f['descriptor/components']",
        "del f['e0']; f['e0'] = [1.0, 2.0]",
        "del f['references/S/weights']; f['references/S/weights'] = [1.0, 2.0]",
        "del f['references/S/atom']; f['references/S/atom'] = [1, 2]",
        "f['posterior/end'][()] = 99",
    };
    for (const auto& damage : damages) {
        const std::string path = folder.file("damaged.h5", content_of(folder.file("model.h5")));
        ASSERT_TRUE(testing::python(
            folder, "import h5py, sys\nwith h5py.File(sys.argv[1], 'r+') as f:\n    " + damage + "\n", path));
        const std::string message = error_of<InputError>([&] { (void)read_model(path); });
        EXPECT_NE(message.find(path), std::string::npos) << damage << ": " << message;
    }
}

TEST(ModelFile, OfAnEarlierProgramKnowsNoShortestDistances) {
    const TemporaryDirectory folder;
    write_model(folder.file("model.h5"), random_force_field(testing::small_descriptor(), {47, 53}));
    EXPECT_FALSE(Hdf5Reader(folder.file("model.h5")).has("shortest_distances"));
    EXPECT_EQ(read_model(folder.file("model.h5")).shortest_distances().size(), 0);
}

TEST(ModelFile, OfAnEarlierProgramIsNotCalibrated) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "python3 has no h5py";
    const TemporaryDirectory folder;
    write_model(folder.file("model.h5"), with_all_options());
    ASSERT_TRUE(testing::python(folder,
                                "import h5py, sys\nwith h5py.File(sys.argv[1], 'r+') as f:\n    del f['calibration']\n",
                                folder.file("model.h5")));
    const Calibration calibration = read_model(folder.file("model.h5")).calibration();
    EXPECT_EQ(calibration.energy, 1.0);
    EXPECT_EQ(calibration.force, 1.0);
    EXPECT_EQ(calibration.stress, 1.0);
}

TEST(ModelFile, IsReadableWithOtherTools) {
    if (!testing::python_has("h5py")) GTEST_SKIP() << "python3 has no h5py";
    const TemporaryDirectory folder;
    const ForceField model = random_force_field(testing::small_descriptor(), {47, 53});
    write_model(folder.file("model.h5"), model);
    EXPECT_TRUE(testing::python(
        folder, R"(
import h5py, sys
with h5py.File(sys.argv[1]) as f:
    assert f.attrs['version'] == 1
    assert [s.decode() if isinstance(s, bytes) else s for s in f['species'][()]] == ['Ag', 'I']
    assert f['references/Ag/features'].shape == (int(sys.argv[2]), 7)
    assert f['posterior/factor'].shape == (14, 14) and f['posterior/factor'][3, 2] == 0.0
    assert abs(f['references/I/weights'][2] - float(sys.argv[3])) < 1e-15
    assert f['scales/force'].attrs['unit'] in ('eV/angstrom', b'eV/angstrom')
)",
        folder.file("model.h5") + " " + std::to_string(model.descriptor().size()) + " " + [&] {
            char text[40];
            (void)std::snprintf(text, sizeof text, "%.17g", model.posterior().weights()[9]);
            return std::string(text);
        }()));
}

}  // namespace
}  // namespace mlff
