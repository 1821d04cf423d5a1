// A C++ program of the everyday kind: strings, containers, virtual calls, exceptions. Reads the file it is given.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

struct Measure {
    virtual ~Measure() = default;
    virtual long of(const std::string &word) const = 0;
};
struct Length : Measure {
    long of(const std::string &word) const override { return static_cast<long>(word.size()); }
};
struct Vowels : Measure {
    long of(const std::string &word) const override {
        return std::count_if(word.begin(), word.end(),
                             [](char c) { return std::string_view("aeiou").find(c) != std::string_view::npos; });
    }
};

static long checked(const std::string &word) {
    if (word.size() % 7 == 0) throw std::runtime_error(word);
    return 1;
}

int main(int argc, char **argv) {
    std::ifstream file(argc > 1 ? argv[1] : "/dev/null");
    std::unordered_map<std::string, long> counts;
    std::vector<std::unique_ptr<Measure>> measures;
    measures.push_back(std::make_unique<Length>());
    measures.push_back(std::make_unique<Vowels>());
    long sum = 0, thrown = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        for (std::string word; words >> word;) {
            ++counts[word];
            for (const auto &m : measures) sum += m->of(word);
        }
    }
    for (const auto &[word, n] : counts) {
        try {
            sum += n * checked(word);
        } catch (const std::runtime_error &e) {
            thrown += static_cast<long>(std::string(e.what()).size());
        }
    }
    std::vector<std::pair<std::string, long>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end(),
              [](const auto &x, const auto &y) { return x.second != y.second ? x.second > y.second : x.first < y.first; });
    for (std::size_t i = 0; i < sorted.size() && i < 5; ++i)
        std::cout << sorted[i].first << ' ' << sorted[i].second << '\n';
    std::cout << sum << ' ' << thrown << '\n';
}
