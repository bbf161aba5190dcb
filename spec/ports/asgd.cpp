// Averaged SGD behind the port protocol (protocol.md), in C++17 and its standard library.
//
//     g++ -std=c++17 -O2 -o asgd asgd.cpp && asgd verify -- ./asgd
//     ./asgd vectors/documented.json     checks the frozen vectors instead (vectors.md)
//
// It implements the convention "documented". The lines marked TORCH say what "torch" changes.
// Replace Parameter::step by your own optimizer (YOURS), and keep the rest.

#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Array = std::vector<double>;

// The optimizer: what a port is about.

struct Hyper {
    double lr = 0.01, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weight_decay = 0;
    bool maximize = false;
};

// E2: the step size after t steps.
static double step_size(double t, const Hyper &h) {
    return h.lr / std::pow(1 + h.lambd * h.lr * t, h.alpha);
}

// E4: the weight of the newest iterate.
static double averaging_weight(double t, double t0) { return t - t0 > 1 ? 1 / (t - t0) : 1; }

struct Parameter {
    std::size_t group;
    Array theta, average;       // the average is theta until the first step
    long long t = 0;            // steps of this parameter
    double eta = 0, mu = 0;     // of its last step

    Parameter(std::size_t group, Array theta) : group(group), theta(theta), average(theta) {}

    // E6: one step of one parameter that has a gradient. `Real` is float or double.
    // YOURS: your arithmetic goes here; it may call your library.
    template <class Real> void step(const Hyper &h, const Array &grad) {
        t++;
        // TORCH: step_size(t - 1, ...) and averaging_weight(t - 1, t0), without ceil; and lr, lambd,
        // alpha and t0 in these two lines are those of the end of the parameter's step before
        // (those in force at its first), so keep a copy of h in the parameter, and save it.
        eta = step_size(double(t), h);
        mu = averaging_weight(double(t) + 1, std::ceil(h.t0));
        const Real e = Real(eta), m = Real(mu), lambd = Real(h.lambd), decay = Real(h.weight_decay);
        for (std::size_t i = 0; i < theta.size(); i++) {
            const Real old = Real(theta[i]), before = Real(average[i]);
            Real g = h.maximize ? -Real(grad[i]) : Real(grad[i]);
            // E1 and E3; without the tests, 0 * inf would make a nan.
            if (decay != 0) g += decay * old;
            if (lambd != 0) g += lambd * old;
            const Real updated = e == 0 ? old : old - e * g;
            // E5; with mu = 1 a copy, for inf - inf would make a nan.
            average[i] = m == 1 ? updated : before + m * (updated - before);
            theta[i] = updated;
        }
    }
};

static struct {
    bool is_float32 = false;
    std::vector<Hyper> groups;
    std::vector<Parameter> params;
} optimizer;

// JSON, as much of it as the protocol needs.

struct Json {
    enum Kind { Null, False, True, Number, String, List, Object } kind = Null;
    std::string text;               // of a string or number
    std::vector<std::string> keys;  // of an object
    std::vector<Json> items;

    const Json *find(const std::string &key) const {
        for (std::size_t i = 0; i < keys.size(); i++)
            if (keys[i] == key) return &items[i];
        return nullptr;
    }
    const Json &operator[](const std::string &key) const {
        const Json *found = find(key);
        if (!found) throw std::runtime_error("there is no " + key);
        return *found;
    }
    double number() const {  // strtod reads hexadecimal floats, inf and nan
        if (kind != String && kind != Number) throw std::runtime_error("a number is missing");
        return std::strtod(text.c_str(), nullptr);
    }
    Array array() const {
        if (kind != List) throw std::runtime_error("an array is missing");
        Array numbers;
        for (const Json &item : items) numbers.push_back(item.number());
        return numbers;
    }
};

class Reader {
public:
    explicit Reader(const std::string &text) : at(text.c_str()) {}

    Json read() {
        Json json;
        skip();
        if (*at == '"') {
            json.kind = Json::String;
            json.text = string();
        } else if (*at == '[' || *at == '{') {
            const bool is_list = *at++ == '[';
            json.kind = is_list ? Json::List : Json::Object;
            for (skip(); *at != (is_list ? ']' : '}'); skip()) {
                if (!json.items.empty()) expect(',');
                if (!is_list) {
                    skip();
                    json.keys.push_back(string());
                    expect(':');
                }
                json.items.push_back(read());
            }
            at++;
        } else {
            while (*at && !std::strchr(",]} \t\r\n", *at)) json.text += *at++;
            if (json.text.empty()) throw std::runtime_error("a value is missing");
            const char first = json.text[0];
            json.kind = first == 'n' ? Json::Null : first == 'f' ? Json::False
                      : first == 't' ? Json::True : Json::Number;
        }
        return json;
    }

private:
    const char *at;

    void skip() { at += std::strspn(at, " \t\r\n"); }
    void expect(char c) {
        skip();
        if (*at++ != c) throw std::runtime_error(std::string("expected ") + c);
    }
    std::string string() {  // escapes are kept as they stand: no key or number has any
        expect('"');
        const char *start = at;
        while (*at && *at != '"') at += *at == '\\' && at[1] ? 2 : 1;
        if (!*at) throw std::runtime_error("a string has no end");
        return std::string(start, at++);
    }
};

// Answers.

static std::string hex(double x) {  // "%a" may write "-nan", which is no number's sign
    char text[40];
    std::snprintf(text, sizeof text, "\"%a\"", x);
    return std::isnan(x) ? "\"nan\"" : text;
}

static std::string hex(const Array &numbers) {
    std::string text = "[";
    for (double x : numbers) text += (text.size() > 1 ? "," : "") + hex(x);
    return text + "]";
}

static const std::string OK = "{\"ok\":true}";

// Requests.

// Take the hyperparameters that a request names; throw for a bad one.
static void take_hyper(const Json &from, Hyper &into) {
    Hyper h = into;
    const std::map<std::string, double *> places = {{"lr", &h.lr}, {"lambd", &h.lambd},
        {"alpha", &h.alpha}, {"t0", &h.t0}, {"weight_decay", &h.weight_decay}};
    for (const auto &[name, place] : places) {
        const Json *given = from.find(name);
        if (!given) continue;
        *place = given->number();
        if (!(*place >= 0) || (std::isinf(*place) && name != "t0"))
            throw std::invalid_argument(name + " is outside its domain");
    }
    if (const Json *maximize = from.find("maximize")) h.maximize = maximize->kind == Json::True;
    into = h;
}

// A group whose parameters come behind all others.
static void add_group(const Json &group) {
    Hyper h;
    take_hyper(group, h);
    optimizer.groups.push_back(h);
    for (const Json &theta : group["params"].items)
        optimizer.params.emplace_back(optimizer.groups.size() - 1, theta.array());
}

static void open(const Json &request) {
    optimizer = {};
    optimizer.is_float32 = request["dtype"].text == "float32";
    for (const Json &group : request["groups"].items) add_group(group);
}

static void step(const std::vector<Json> &grads) {
    for (std::size_t i = 0; i < optimizer.params.size(); i++) {
        if (grads.at(i).kind == Json::Null) continue;
        Parameter &p = optimizer.params[i];
        const Hyper &h = optimizer.groups[p.group];
        if (optimizer.is_float32) p.step<float>(h, grads[i].array());
        else p.step<double>(h, grads[i].array());
    }
}

static std::string answer_step(const std::vector<Json> &grads) {
    step(grads);
    std::string theta, average, eta, mu;
    for (std::size_t i = 0; i < optimizer.params.size(); i++) {
        const Parameter &p = optimizer.params[i];
        const std::string comma = i ? "," : "";
        const bool skipped = grads[i].kind == Json::Null;
        theta += comma + hex(p.theta);
        average += comma + hex(p.average);
        eta += comma + (skipped ? "null" : hex(p.eta));
        mu += comma + (skipped ? "null" : hex(p.mu));
    }
    // NOT SHOWN: what you leave out of "reads" in hello, delete here too.
    return "{\"ok\":true,\"theta\":[" + theta + "],\"average\":[" + average + "],\"eta\":[" + eta
         + "],\"mu\":[" + mu + "]}";
}

// The state: what is kept besides theta, which the caller keeps.
static std::string save() {
    std::string groups, params;
    for (const Hyper &h : optimizer.groups)
        groups += (groups.empty() ? "{\"lr\":" : ",{\"lr\":") + hex(h.lr) + ",\"lambd\":" + hex(h.lambd)
                + ",\"alpha\":" + hex(h.alpha) + ",\"t0\":" + hex(h.t0) + ",\"weight_decay\":"
                + hex(h.weight_decay) + ",\"maximize\":" + (h.maximize ? "true}" : "false}");
    for (const Parameter &p : optimizer.params)
        params += (params.empty() ? "{\"t\":" : ",{\"t\":") + std::to_string(p.t) + ",\"average\":"
                + hex(p.average) + "}";
    return "{\"ok\":true,\"state\":{\"groups\":[" + groups + "],\"params\":[" + params + "]}}";
}

static void load(const Json &state) {
    for (std::size_t i = 0; i < optimizer.groups.size(); i++)
        take_hyper(state["groups"].items.at(i), optimizer.groups[i]);
    for (std::size_t i = 0; i < optimizer.params.size(); i++) {
        const Json &saved = state["params"].items.at(i);
        optimizer.params[i].t = (long long)saved["t"].number();
        optimizer.params[i].average = saved["average"].array();
    }
}

static std::string answer(const Json &request) {
    const std::string &op = request["op"].text;
    if (op == "hello")
        // NOT SHOWN: delete from "reads" what your port cannot show, and from "supports" what it
        // cannot do; the verdict is then about the rest.
        return "{\"ok\":true,\"protocol\":1,\"name\":\"asgd.cpp\",\"version\":\"1\","
               "\"dtypes\":[\"float32\",\"float64\"],\"reads\":[\"average\",\"eta\",\"mu\"],"
               "\"supports\":[\"groups\",\"skip\",\"set\",\"save\",\"maximize\",\"add_group\"]}";
    if (op == "open") open(request);
    else if (op == "add_group") add_group(request["group"]);
    else if (op == "step") return answer_step(request["grads"].items);
    else if (op == "set") take_hyper(request, optimizer.groups.at((std::size_t)request["group"].number()));
    else if (op == "save") return save();
    else if (op == "load") load(request["state"]);
    else if (op != "close") throw std::runtime_error("there is no such operation");
    return OK;
}

static int serve() {
    for (std::string line; std::getline(std::cin, line);) {
        const Json request = Reader(line).read();
        try {
            std::cout << answer(request) << std::endl;  // one line and one flush an answer
        } catch (const std::exception &error) {
            std::cout << "{\"ok\":false,\"error\":\"" << error.what() << "\"}" << std::endl;
        }
        if (request["op"].text == "close") break;
    }
    return 0;
}

// The frozen vectors: every number must be as near to the value as its bound says.

static bool near(double got, const Json &value, const Json &bound) {
    return value.kind == Json::Null || std::fabs(got - value.number()) <= bound.number();
}

static bool near(const Array &got, const Json &value, const Json &bound) {
    for (std::size_t i = 0; i < value.items.size(); i++)  // null, where nothing is specified, has none
        if (!near(got[i], value.items[i], bound.items[i])) return false;
    return true;
}

static bool step_passes(const Json &event) {
    step(event["grads"].items);
    for (std::size_t i = 0; i < optimizer.params.size(); i++) {
        const Parameter &p = optimizer.params[i];
        const auto passes = [&](const auto &got, const std::string &name) {
            return near(got, event[name].items[i], event[name + "_bound"].items[i]);
        };
        if (!passes(p.eta, "eta") || !passes(p.mu, "mu") || !passes(p.theta, "theta")
            || !passes(p.average, "average"))
            return false;
    }
    return true;
}

static int check(const char *path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("the vectors cannot be read");
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Json document = Reader(text).read();
    std::size_t failed = 0;
    for (const Json &vector : document["cases"].items) {
        open(vector);
        bool passes = true;
        for (const Json &event : vector["events"].items) {
            if (event["op"].text == "set") answer(event);
            else passes = passes && step_passes(event);
        }
        if (passes) continue;
        failed++;
        std::cout << "failed " << vector["id"].text << ": " << vector["comment"].text << "\n";
    }
    const std::size_t count = document["cases"].items.size();
    std::cout << count - failed << " of " << count << " cases passed\n";
    return failed > 0;
}

int main(int count, char **words) {
    // A compiler that keeps floats wider than their type (x87) cannot round as E2 to E5 say.
    static_assert(FLT_EVAL_METHOD == 0, "compile for an arithmetic without excess precision");
    try {
        return count > 1 ? check(words[1]) : serve();
    } catch (const std::exception &error) {
        std::cerr << "asgd.cpp: " << error.what() << "\n";
        return 1;
    }
}
