"""`mlff similarity` against the definition of the descriptor, written out a second time and as differently as possible.

Neighbours come from a plain loop over images. The expansion coefficients are integrals over space, by quadrature in
the distance from the atom and the cosine of the angle to the neighbour: no modified Bessel function, no table. The sums
over m are done by the addition theorem: no spherical harmonics.
"""
import functools
import itertools
import unittest

from program import ProgramTest, np, write_structure

from numpy.polynomial.legendre import leggauss, legvander  # after program, which knows what to do without NumPy


legendre_rule = functools.cache(leggauss)


def spherical_bessel(l_max, x):
    """j_l(x) for l = 0..l_max, from the expansion of a plane wave: i^l j_l(x) = 1/2 ∫ exp(i x t) P_l(t) dt."""
    t, weight = legendre_rule(160)
    wave = np.exp(1j * np.multiply.outer(x, t)) * weight
    j = wave @ legvander(t, l_max) / 2.0 / 1j ** np.arange(l_max + 1)
    return j.real


def bessel_roots(l, limit):
    """Zeros of j_l in (0, limit], by bisection."""
    def positive(x):
        return spherical_bessel(l, x)[:, l] > 0.0

    x = np.linspace(max(l, 1.0), limit + 1e-3, 2000)  # there is none below
    sign = positive(x)
    change = np.nonzero(sign[:-1] != sign[1:])[0]
    low, high = x[change], x[change + 1]
    for _ in range(50):
        middle = 0.5 * (low + high)
        left = positive(middle) == sign[change]
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return low[low <= limit + 1e-9]


@functools.cache
def radial_functions(cutoff, functions, l_max):
    """Distances s with weights (s² included), and χ_nl(s) for every l, one column per n."""
    s, weight = legendre_rule(100)
    s, weight = 0.5 * cutoff * (s + 1.0), 0.5 * cutoff * weight
    weight = weight * s**2
    chi = []
    for l in range(l_max + 1):
        q = bessel_roots(l, functions * np.pi) / cutoff
        j = spherical_bessel(l, np.multiply.outer(s, q))[:, :, l]
        chi.append(j / np.sqrt(weight @ j**2))
    return s, weight, chi


def overlaps(r, cutoff, width, functions, l_max, filter_strength):
    """h_nl(r): for every l an array (pairs, functions)."""
    s, weight, chi = radial_functions(cutoff, functions, l_max)
    t, t_weight = legendre_rule(140)
    legendre = legvander(t, l_max) * t_weight[:, None]
    cut = 0.5 * (np.cos(np.pi * r / cutoff) + 1.0)
    # Density of the neighbour's Gaussian at distance s and angle t, projected on P_l.
    projected = np.empty((len(r), len(s), l_max + 1))
    for pair, distance in enumerate(r):
        squared = distance**2 + s[:, None] ** 2 - 2.0 * distance * s[:, None] * t
        projected[pair] = np.exp(-squared / (2.0 * width**2)) @ legendre
    projected *= (2.0 * np.pi * width**2) ** -1.5
    return [2.0 * np.pi * cut[:, None] * ((projected[:, :, l] * weight) @ chi[l])
            / (1.0 + filter_strength * (l * (l + 1)) ** 2) for l in range(l_max + 1)]


def neighbours(positions, cell, i, cutoff):
    """Atoms and vectors to all atoms and images within the cutoff; atom i itself is left out, its images are not."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    span = np.ptp(positions @ np.linalg.inv(cell), axis=0)
    reach = np.ceil(cutoff / heights + span).astype(int)
    images = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach)))) @ cell
    vectors = (positions[None, :, :] + images[:, None, :] - positions[i]).reshape(-1, 3)
    atoms = np.tile(np.arange(len(positions)), len(images))
    distances = np.linalg.norm(vectors, axis=1)
    near = (distances > 1e-9) & (distances < cutoff)
    return atoms[near], vectors[near]


def features(symbols, positions, cell, species, radial, angular, weight=0.1, normalization="joint",
             compression="none"):
    """Descriptors of all atoms, one per row. radial and angular: cutoff, width, functions, l_max, filter."""
    rows = []
    for i in range(len(symbols)):
        atoms, vectors = neighbours(positions, cell, i, radial[0])
        h = overlaps(np.linalg.norm(vectors, axis=1), *radial)[0]
        of = np.array([[symbols[j] == kind for j in atoms] for kind in species], dtype=float)
        two = (of @ h / np.sqrt(4.0 * np.pi)).ravel()

        atoms, vectors = neighbours(positions, cell, i, angular[0])
        of = np.array([[symbols[j] == kind for j in atoms] for kind in species], dtype=float).reshape(len(species), -1)
        distances = np.linalg.norm(vectors, axis=1)
        unit = vectors / distances[:, None]
        others = 1.0 - np.eye(len(atoms))  # a neighbour makes no angle with itself
        three = []
        for l, h in enumerate(overlaps(distances, *angular)):
            angle = legvander(np.clip(unit @ unit.T, -1.0, 1.0), l)[:, :, l] * others
            second = of if compression == "none" else np.ones((1, len(atoms)))
            left = np.einsum("Aj,jn->Anj", of, h)
            right = np.einsum("Bk,km->Bmk", second, h)
            p = np.einsum("Anj,jk,Bmk->AnBm", left, angle, right, optimize=True)
            three.append(np.sqrt(8.0 * np.pi**2 / (2 * l + 1)) * (2 * l + 1) / (4.0 * np.pi) * p.ravel())
        three = np.concatenate(three)

        if normalization == "separate":
            parts = [(weight, two), (1.0 - weight, three)]
            parts = [(beta if np.any(part) else 0.0, part) for beta, part in parts]
            x = np.concatenate([np.sqrt(beta) * part / (np.linalg.norm(part) or 1.0) for beta, part in parts])
        else:
            x = np.concatenate([np.sqrt(weight) * two, np.sqrt(1.0 - weight) * three])
        rows.append(x / (np.linalg.norm(x) or 1.0))
    return np.array(rows)


def random_atoms(cell, n, nearest, random):
    """Positions of n atoms that keep a distance from each other and from all images."""
    positions = np.empty((0, 3))
    while len(positions) < n:
        trial = np.vstack([positions, random.random(3) @ cell])
        if len(neighbours(trial, cell, len(trial) - 1, nearest)[0]) == 0:
            positions = trial
    return positions


TRICLINIC = np.array([[6.2, 0.3, -0.4], [1.7, 5.6, 0.5], [-1.1, 1.3, 5.9]])
SMALL = np.array([[3.1, 0.0, 0.2], [1.2, 2.9, 0.0], [0.4, 0.9, 3.3]])  # images of one atom are neighbours


class SimilarityTest(ProgramTest):
    def compare(self, frames, radial, angular, power, yaml="", filter_yaml="", **options):
        """frames: (symbols, positions, cell); radial, angular: (cutoff, width, functions[, l_max, filter])."""
        for symbols, positions, cell in frames:
            write_structure(self.folder / "data.xyz", symbols, positions, cell)
        (self.folder / "fit.yaml").write_text(f"""\
force_field:
  radial: {{cutoff: {radial[0]}, width: {radial[1]}, functions: {radial[2]}, decay: 0}}
  angular: {{cutoff: {angular[0]}, width: {angular[1]}, functions: {angular[2]}, l_max: {angular[3]}{filter_yaml}}}
  kernel_power: {power}
  radial_weight: {options.get('weight', 0.1)}
{yaml}""")
        self.mlff("similarity", "fit.yaml", "data.xyz", "--out", "K.csv")
        K = np.loadtxt(self.folder / "K.csv", delimiter=",", ndmin=2)

        species = sorted({symbol for frame in frames for symbol in frame[0]})
        x = np.vstack([features(*frame, species, (*radial, 0, 0.0), angular, **options) for frame in frames])
        all_symbols = np.concatenate([frame[0] for frame in frames])
        expected = np.where(all_symbols[:, None] == all_symbols[None, :], (x @ x.T) ** power, 0.0)
        self.assertEqual(K.shape, expected.shape)
        self.assertTrue(np.all(np.isfinite(K)))
        self.assertLess(np.abs(K - expected).max(), 1e-8)
        # The comparison means something: neighbours differ.
        off_diagonal = expected[np.triu_indices(len(expected), 1)]
        self.assertLess(off_diagonal.min(), 0.98)

    def test_two_species_triclinic(self):
        random = np.random.default_rng(7)
        frames = [(["Ag", "I", "I", "Ag", "I"], random_atoms(TRICLINIC, 5, 2.2, random), TRICLINIC) for _ in range(2)]
        self.compare(frames, (5.0, 0.5, 6), (4.0, 0.5, 5, 3, 0.002), 4)

    def test_four_species(self):
        random = np.random.default_rng(8)
        frames = [(["Li", "Ge", "P", "S", "S", "S"], random_atoms(TRICLINIC, 6, 2.0, random), TRICLINIC)]
        frames.append((["S", "P", "Li", "S"], random_atoms(TRICLINIC, 4, 2.0, random), TRICLINIC))
        self.compare(frames, (4.5, 0.6, 5), (4.0, 0.4, 4, 2, 0.002), 2, weight=0.3)

    def test_cell_smaller_than_the_cutoff(self):
        random = np.random.default_rng(9)
        frames = [(["Na", "S"], random_atoms(SMALL, 2, 1.5, random), SMALL),
                  (["Na"], np.array([[0.3, -8.0, 21.0]]), SMALL)]  # and an atom outside its cell
        self.compare(frames, (5.5, 0.5, 7), (4.5, 0.5, 4, 4, 0.0), 3, filter_yaml=", filter: off")

    def test_left_handed_cell(self):
        random = np.random.default_rng(10)
        cell = TRICLINIC[[1, 0, 2]]
        self.compare([(["Si", "Si", "Si"], random_atoms(cell, 3, 2.2, random), cell)], (5.0, 0.5, 6),
                     (4.5, 0.5, 4, 3, 0.01), 4, filter_yaml=", filter: 0.01")

    def test_separate_normalization(self):
        random = np.random.default_rng(11)
        frames = [(["Ag", "I", "I", "Ag"], random_atoms(TRICLINIC, 4, 2.2, random), TRICLINIC)]
        # One neighbour on either side of a chain, beyond the angular cutoff: there is no three-body part.
        frames.append((["Ag", "I"], np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 4.6]]), np.diag([12.0, 12.0, 12.0])))
        self.compare(frames, (5.0, 0.5, 6), (4.0, 0.5, 4, 3, 0.002), 4, "  normalization: separate\n",
                     normalization="separate")

    def test_element_compression(self):
        random = np.random.default_rng(12)
        frames = [(["Li", "Ge", "P", "S", "S"], random_atoms(TRICLINIC, 5, 2.0, random), TRICLINIC)]
        self.compare(frames, (4.5, 0.5, 5), (4.0, 0.5, 4, 3, 0.002), 2, "  compression: element\n",
                     compression="element")


if __name__ == "__main__":
    unittest.main()
