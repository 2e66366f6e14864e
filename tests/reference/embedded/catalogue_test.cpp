#include "reference/embedded/catalogue.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/units.hpp"
#include "reference/embedded/structures.hpp"

// Numbers with ten digits come from two independent implementations that agree with each other: LAMMPS (29 Sep 2021)
// and a plain double-precision sum over images; where LAMMPS rounds erfc to 1e-7 the latter counts.
namespace mlff::reference {
namespace {

using testing::all_near;
using testing::cubic;
using testing::displace;

constexpr double digits = 1e-9;  ///< what ten printed digits can tell, in eV and eV/Å

/// Stress in bar in LAMMPS' order xx yy zz xy xz yz and with its sign: positive is a pressure.
Voigt lammps_stress(const Evaluation& evaluation) {
    const Voigt s = -units::ev_per_cubic_angstrom_in_bar * evaluation.stress.value();
    Voigt ordered;
    ordered << s[0], s[1], s[2], s[5], s[4], s[3];
    return ordered;
}

Voigt voigt(double xx, double yy, double zz, double xy, double xz, double yz) {
    Voigt v;
    v << xx, yy, zz, xy, xz, yz;
    return v;
}

Structure silver_iodide() {
    std::vector<std::string> symbols(16, "Ag");
    symbols.insert(symbols.end(), 16, "I");
    std::vector<Vector3> sites;
    for (const auto& basis : {std::vector<Vector3>{{.25, .5, 0.}, {.5, 0., .75}}, {{0., 0., 0.}, {.5, .5, .5}}})
        for (int i = 0; i < 2; ++i)
            for (int j = 0; j < 2; ++j)
                for (int k = 0; k < 2; ++k)
                    for (const Vector3& b : basis) sites.push_back((Vector3(i, j, k) + b) / 2.0);
    Structure s = cubic(10.12, symbols, sites);
    displace(s);
    return s;
}

Structure sodium_sulfide() {  // Na5SbWS8
    std::vector<Vector3> sites = {{0., .5, .5}, {.5, 0., .5}, {.5, .5, 0.}, {.5, 0., 0.},
                                  {0., .5, 0.}, {0., 0., 0.}, {.5, .5, .5}};
    const double x = 0.1876;
    for (const double centre : {0.0, 0.5})
        for (const Vector3& s : {Vector3(x, x, x), Vector3(x, -x, -x), Vector3(-x, x, -x), Vector3(-x, -x, x)})
            sites.push_back(s + Vector3::Constant(centre));
    Structure s =
        cubic(7.1957, {"Na", "Na", "Na", "Na", "Na", "Sb", "W", "S", "S", "S", "S", "S", "S", "S", "S"}, sites);
    displace(s);
    return s;
}

Structure lithium_sulfide() {  // Li7PGeS8
    std::vector<Vector3> sites = {{5., 5., 5.},    {0., 0., 0.},    {5., 0., 0.},    {0., 5., 0.},   {0., 0., 5.},
                                  {2.5, 7.5, 2.5}, {7.5, 2.5, 7.5}, {2.5, 2.5, 2.5}, {7.5, 7.5, 7.5}};
    for (const auto& [centre, bond] : {std::pair{2.5, 2.05}, {7.5, 2.21}})
        for (const Vector3& u : {Vector3(1, 1, 1), Vector3(1, -1, -1), Vector3(-1, 1, -1), Vector3(-1, -1, 1)})
            sites.push_back(Vector3::Constant(centre) + bond / std::sqrt(3.0) * u);
    for (auto& site : sites) site /= 10.0;
    Structure s = cubic(
        10.0, {"Li", "Li", "Li", "Li", "Li", "Li", "Li", "P", "Ge", "S", "S", "S", "S", "S", "S", "S", "S"}, sites);
    displace(s);
    return s;
}

Structure diamond(double a) {
    return cubic(a, std::vector<std::string>(8, "Si"),
                 {{0., 0., 0.},
                  {0., .5, .5},
                  {.5, 0., .5},
                  {.5, .5, 0.},
                  {.25, .25, .25},
                  {.25, .75, .75},
                  {.75, .25, .75},
                  {.75, .75, .25}});
}

Structure solid_argon() {
    std::vector<Vector3> sites;
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 2; ++j)
            for (int k = 0; k < 2; ++k)
                for (const Vector3& b : {Vector3(0, 0, 0), Vector3(0, .5, .5), Vector3(.5, 0, .5), Vector3(.5, .5, 0)})
                    sites.push_back((Vector3(i, j, k) + b) / 2.0);
    return cubic(2 * 5.26, std::vector<std::string>(32, "Ar"), sites);
}

/// Energy and some forces of a structure under a potential, as tabulated.
struct Expected {
    std::string potential;
    double energy;
    std::map<Eigen::Index, Vector3> forces;
};

void check(const Structure& structure, const std::vector<Expected>& table) {
    for (const Expected& expected : table) {
        SCOPED_TRACE(expected.potential);
        const Evaluation e = make_embedded(expected.potential)->evaluate(structure);
        EXPECT_NEAR(e.energy, expected.energy, digits);
        for (const auto& [atom, force] : expected.forces)
            EXPECT_TRUE(all_near(e.forces.col(atom), force, digits)) << "atom " << atom;
    }
}

TEST(Catalogue, SilverIodide) {
    check(silver_iodide(),
          {{"agi",
            -45.3353535825,
            {{0, {-0.1715011823, -0.0225630241, 0.3670770989}},
             {16, {0.1660414882, 0.2081676220, -0.5304287286}},
             {1, {0.1092097849, 0.1570814434, -0.2865741096}},
             {31, {-0.1412602420, 0.1601451880, -0.0186771377}}}},
           {"agi-6.5",
            -43.6785494192,
            {{0, {-0.1840314788, -0.0225126493, 0.3423465898}}, {16, {0.1727562590, 0.2048634811, -0.5074663459}}}},
           {"agi-prv83",
            -46.5251788828,
            {{0, {-0.1785949872, -0.0541478485, 0.4011666843}}, {16, {0.1125480656, 0.2623074730, -0.5403053817}}}},
           {"agi-prv83-6.5",
            -44.8301216455,
            {{0, {-0.1919616330, -0.0541125263, 0.3747925900}}, {16, {0.1197161041, 0.2587001766, -0.5155669059}}}}});
}

TEST(Catalogue, SilverIodideStress) {
    EXPECT_TRUE(all_near(lammps_stress(make_embedded("agi")->evaluate(silver_iodide())),
                         voigt(3620.075441, 11561.243167, 3232.791340, -212.709628, -2933.334489, -571.669555), 2e-3));
}

TEST(Catalogue, SulfideOfSodium) {
    check(sodium_sulfide(),
          {{"sulfide",
            -87.1542854847,
            {{0, {-0.4236195918, -0.0780655436, 0.0464102017}},
             {5, {-0.2925359614, 1.4449095165, -1.9933174681}},
             {6, {3.1183942200, -1.0349087608, -1.2920507614}},
             {14, {1.4269606360, 0.9394480736, -0.1099242662}}}},
           {"sulfide-f",
            -87.3144609681,
            {{0, {-0.4392746426, -0.0734796789, 0.0273914329}}, {6, {3.1465228017, -1.0441723214, -1.2961076135}}}}});
    EXPECT_TRUE(all_near(lammps_stress(make_embedded("sulfide")->evaluate(sodium_sulfide())),
                         voigt(-50061.477308, -35264.841096, -19687.406906, 15510.838636, 8887.306899, -22989.589362),
                         1e-2));
}

TEST(Catalogue, SulfideOfLithium) {
    check(lithium_sulfide(),
          {{"sulfide",
            -71.7012176927,
            {{0, {0.1207190342, 0.0315992032, 0.1264491581}},
             {7, {-0.0814963223, -1.3426630638, 3.7836941951}},
             {8, {-3.2335410888, 1.5007280268, 1.2043855400}},
             {16, {0.7127060456, 0.1065140770, -0.9219558619}}}},
           {"sulfide-f",
            -70.8264018198,
            {{0, {0.1461891552, 0.0417551621, 0.1653621804}}, {7, {0.0210199087, -1.2593032508, 3.9167177264}}}}});
}

TEST(Catalogue, Li10GeP2S12) {
    check(testing::read_reference("g_lgps.ref.xyz").structure,
          {{"sulfide",
            -994.3640663725,
            {{0, {-0.4313163187, 0.3097445015, 0.1672850005}}, {80, {-1.1165764105, -0.9814847175, 1.4226189118}}}},
           {"sulfide-f",
            -999.9389106626,
            {{0, {-0.5847197472, 0.4874409509, 0.3409535748}}, {80, {-1.4078565958, -0.8839886582, 1.6374904110}}}}});
}

TEST(Catalogue, EnergyOfEveryTerm) {
    const Structure lgps = testing::read_reference("g_lgps.ref.xyz").structure;
    struct Row {
        const char* potential;
        Structure structure;
        std::vector<double> energies;
    };
    const std::vector<Row> rows = {
        {"sulfide", sodium_sulfide(), {1.2092892710, -84.3734433676, -3.9901313881}},
        {"sulfide-f", sodium_sulfide(), {0.8844418266, -84.2087714066, -3.9901313881}},
        {"sulfide", lithium_sulfide(), {2.0024627885, -65.4972719063, -8.2064085748}},
        {"sulfide-f", lithium_sulfide(), {1.8985629393, -64.5185561843, -8.2064085748}},
        {"sulfide", lgps, {39.0416146723, -930.6073983346, -102.7982827103}},
        {"sulfide-f", lgps, {34.4822584831, -931.6228864355, -102.7982827103}},
        {"agi", silver_iodide(), {-2.0187280306, -45.3353535825 + 2.0187280306}},
        {"agi-6.5", silver_iodide(), {-0.3384727465, -43.6785494192 + 0.3384727465}},
        {"agi-prv83", silver_iodide(), {-0.4085365565, -46.5251788828 + 0.4085365565}},
        {"agi-prv83-6.5", silver_iodide(), {1.3114876984, -44.8301216455 - 1.3114876984}},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.potential);
        const auto split = make_embedded(row.potential)->energy_by_term(row.structure);
        ASSERT_EQ(split.size(), row.energies.size());
        EXPECT_EQ(split[0].first, "pair");
        EXPECT_EQ(split[1].first, "coulomb");
        for (std::size_t k = 0; k < split.size(); ++k) EXPECT_NEAR(split[k].second, row.energies[k], digits);
    }
}

TEST(Catalogue, EveryForceOfTheReferenceFiles) {
    const std::vector<std::pair<std::string, std::string>> files = {
        {"agi", "agi_rePRV_dsf8.0"},
        {"agi-6.5", "agi_rePRV_dsf6.5"},
        {"agi-prv83", "agi_PRV83_dsf8.0"},
        {"agi-prv83-6.5", "agi_PRV83_dsf6.5"},
        {"sulfide", "g_na"},
        {"sulfide", "g_li"},
        {"sulfide", "g_lgps"},
        {"sulfide-f", "s_na"},
        {"sulfide-f", "s_li"},
        {"sulfide-f", "s_lgps"},
    };
    for (const auto& [potential, file] : files) {
        SCOPED_TRACE(file);
        const auto frame = testing::read_reference(file + ".ref.xyz");
        const Evaluation e = make_embedded(potential)->evaluate(frame.structure);
        EXPECT_NEAR(e.energy, frame.energy, digits);
        EXPECT_TRUE(all_near(e.forces, frame.forces, 1e-10));
        EXPECT_GT(frame.forces.cwiseAbs().minCoeff(), 0.0);  // the file was read to its end
    }
}

TEST(Catalogue, Silicon) {
    const auto si = make_embedded("si");
    const Evaluation perfect = si->evaluate(diamond(5.431));
    EXPECT_NEAR(perfect.energy / 8, -4.3365999950, digits);
    EXPECT_NEAR(lammps_stress(perfect)[0], -28.135, 1e-3);
    EXPECT_TRUE(all_near(perfect.forces, Matrix3X::Zero(3, 8), 1e-12));
    const Evaluation equilibrium = si->evaluate(diamond(5.43095));
    EXPECT_NEAR(equilibrium.energy / 8, -4.3365999999, digits);
    EXPECT_NEAR(lammps_stress(equilibrium)[1], -0.124, 1e-3);

    Structure s = diamond(5.431);
    displace(s);
    check(s, {{"si",
               -33.6514457999,
               {{0, {-0.5089146321, 0.0522871719, 0.8444202299}},
                {1, {-1.3520277028, 1.2246726026, -1.2848131339}},
                {7, {0.6860479667, -0.9026682729, 1.7680099503}}}}});
    const Evaluation e = si->evaluate(s);
    EXPECT_NEAR(e.forces.cwiseAbs().maxCoeff(), 2.7870175509, digits);
    EXPECT_TRUE(
        all_near(lammps_stress(e), voigt(11234.719, 8621.928, 8697.612, -9857.563, 13944.770, -9106.945), 2e-3));
}

TEST(Catalogue, Argon) {
    const Structure perfect = solid_argon();
    check(perfect, {{"ar-plain", -2.6686861044, {}}, {"ar", -2.1837771107, {}}});
    EXPECT_NEAR(lammps_stress(make_embedded("ar-plain")->evaluate(perfect))[0], 282.275, 1e-3);
    EXPECT_NEAR(lammps_stress(make_embedded("ar")->evaluate(perfect))[2], 736.851, 1e-3);
    Structure displaced = perfect;
    displace(displaced);
    check(displaced,
          {{"ar-plain",
            -2.5736344479,
            {{0, {-0.0207745015, -0.0365427506, 0.0614531138}}, {1, {-0.0313305207, 0.0357252081, -0.0354003866}}}},
           {"ar",
            -2.0918041163,
            {{0, {-0.0207425738, -0.0365452351, 0.0614704903}}, {31, {-0.0008757928, 0.0158685712, -0.0380970806}}}}});
}

TEST(Catalogue, SaysWhatItIs) {
    EXPECT_EQ(embedded_names().size(), 9u);
    for (const auto& name : embedded_names()) {
        const auto potential = make_embedded(name);
        EXPECT_EQ(potential->name(), name);
        const std::string text = potential->description();
        EXPECT_EQ(text.find("embedded classical potential '" + name + "' ("), 0u) << text;
        EXPECT_NE(text.find("a stand-in for first principles"), std::string::npos) << text;
    }
    EXPECT_NE(make_embedded("agi")->description().find("rePRV"), std::string::npos);
    for (const auto* name : {"sulfide", "sulfide-f"})
        EXPECT_NE(make_embedded(name)->description().find("model potential of our own"), std::string::npos);
}

TEST(Catalogue, UnknownNameListsTheNames) {
    try {
        (void)make_embedded("agl");
        FAIL() << "no error";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(),
                     "unknown embedded potential 'agl'; one of agi, agi-6.5, agi-prv83, agi-prv83-6.5, sulfide, "
                     "sulfide-f, si, ar, ar-plain is needed");
    }
}

}  // namespace
}  // namespace mlff::reference
