// Counts, by domain, the first N sequences of Megatron's own blend: weights on
// standard input, a JSON list out.
#include HELPERS

int main(int argc, char **argv) {
  std::vector<double> weights;
  for (std::string s; std::cin >> s;) weights.push_back(std::stod(s));
  int64_t n = std::stoll(argv[1]);
  pybind11::array_t<int16_t> index(std::vector<int16_t>(n, 0));
  pybind11::array_t<int64_t> sample(std::vector<int64_t>(n, 0));
  pybind11::array_t<double> w(weights);
  build_blending_indices(index, sample, w, (int32_t)weights.size(), n, false);
  std::vector<int64_t> counts(weights.size(), 0);
  for (int16_t d : *index.v) counts[d]++;
  std::cout << "[";
  for (size_t d = 0; d < counts.size(); d++) std::cout << (d ? ", " : "") << counts[d];
  std::cout << "]\n";
}
