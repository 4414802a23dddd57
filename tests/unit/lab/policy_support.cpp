#include "policy_support.hpp"

#include "mm/replacement/registry.hpp"

namespace fl::lab {

std::vector<std::string> every_policy(const std::vector<std::string>& variants) {
    std::vector<std::string> texts;
    for (const replacement::PolicyInfo* info : replacement::all_policies()) {
        std::string text = info->name;
        for (const replacement::Parameter& parameter : info->parameters) {
            const std::string name = parameter.name;
            if (name == "window" || name == "interval" || name == "threshold") text += "," + name + "=13";
        }
        texts.push_back(text);
    }
    texts.insert(texts.end(), variants.begin(), variants.end());
    return texts;
}

}  // namespace fl::lab
