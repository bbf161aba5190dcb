/* Averaged SGD behind the port protocol (protocol.md), in C99 and its standard library.
 *
 *     cc -std=c99 -O2 -o asgd asgd.c -lm && asgd verify -- ./asgd
 *     ./asgd vectors/documented.json     checks the frozen vectors instead (vectors.md)
 *
 * It implements the convention "documented". The lines marked TORCH say what "torch" changes.
 * Replace step() by your own optimizer (YOURS), and keep the rest.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The optimizer: what a port is about. */

typedef struct {
    double lr, lambd, alpha, t0, weight_decay;
    int maximize;
} Hyper;

typedef struct {
    size_t size;
    int group, has_average;    /* without an average of its own, it is theta */
    long long t;               /* steps of this parameter */
    double eta, mu;            /* of its last step */
    double *theta, *average;
} Parameter;

static struct {
    int is_float32;
    size_t groups, params;
    Hyper *hyper;
    Parameter *param;
} optimizer;

/* Round to the dtype. One operation in double, rounded to float, is that operation in float. */
static double rounded(double x) { return optimizer.is_float32 ? (double)(float)x : x; }

/* E2: the step size after t steps. */
static double step_size(double t, const Hyper *h) {
    return h->lr / pow(1 + h->lambd * h->lr * t, h->alpha);
}

/* E4: the weight of the newest iterate. */
static double averaging_weight(double t, double t0) { return t - t0 > 1 ? 1 / (t - t0) : 1; }

/* E6: one step of one parameter that has a gradient.
 * YOURS: your arithmetic goes here; it may call your library. */
static void step(Parameter *p, const Hyper *h, const double *grad) {
    p->t++;
    /* TORCH: step_size(p->t - 1, ...) and averaging_weight(p->t - 1, t0), without ceil; and lr,
     * lambd, alpha and t0 in these two lines are those of the end of the parameter's step before
     * (those in force at its first), so keep a copy of *h in the parameter, and save it. */
    p->eta = step_size((double)p->t, h);
    p->mu = averaging_weight((double)p->t + 1, ceil(h->t0));
    double eta = rounded(p->eta), mu = rounded(p->mu);
    double lambd = rounded(h->lambd), weight_decay = rounded(h->weight_decay);
    for (size_t i = 0; i < p->size; i++) {
        double theta = p->theta[i];
        double g = h->maximize ? -grad[i] : grad[i];
        /* E1 and E3; without the tests, 0 * inf would make a nan. */
        if (weight_decay != 0) g = rounded(g + rounded(weight_decay * theta));
        if (lambd != 0) g = rounded(g + rounded(lambd * theta));
        double updated = eta == 0 ? theta : rounded(theta - rounded(eta * g));
        /* E5; with mu = 1 a copy, for inf - inf would make a nan. */
        double average = p->has_average ? p->average[i] : theta;
        double moved = rounded(average + rounded(mu * rounded(updated - average)));
        p->average[i] = mu == 1 ? updated : moved;
        p->theta[i] = updated;
    }
    p->has_average = 1;
}

/* JSON, as much of it as the protocol needs: a value is a tree, an object a list of pairs. */

typedef struct Json {
    enum { NIL, FALSE_, TRUE_, NUMBER, STRING, LIST, OBJECT } kind;
    char *text;                /* of a string or number */
    char **keys;               /* of an object */
    struct Json **items;
    size_t count;
} Json;

static const char *at;         /* where the reader stands */

static void die(const char *why) {
    fprintf(stderr, "asgd.c: %s\n", why);
    exit(1);
}

static void *grown(void *memory, size_t size) {
    void *more = realloc(memory, size ? size : 1);
    if (!more) die("out of memory");
    return more;
}

static void skip_blanks(void) { at += strspn(at, " \t\r\n"); }

static int take(char c) {
    skip_blanks();
    if (*at != c) return 0;
    at++;
    return 1;
}

static char *read_string(void) {   /* escapes are kept as they stand: no key or number has any */
    const char *start = ++at;
    while (*at && *at != '"') at += *at == '\\' && at[1] ? 2 : 1;
    if (!*at) die("a string has no end");
    char *text = grown(NULL, (size_t)(at - start) + 1);
    memcpy(text, start, (size_t)(at - start));
    text[at++ - start] = 0;
    return text;
}

static Json *read_json(void) {
    Json *json = grown(NULL, sizeof *json);
    memset(json, 0, sizeof *json);
    skip_blanks();
    if (*at == '"') {
        json->kind = STRING;
        json->text = read_string();
    } else if (*at == '[' || *at == '{') {
        char end = *at == '[' ? ']' : '}';
        json->kind = *at++ == '[' ? LIST : OBJECT;
        for (size_t room = 0; !take(end);) {
            if (json->count && !take(',')) die("a comma is missing");
            if (json->count == room) {
                room = room ? 2 * room : 8;
                json->items = grown(json->items, room * sizeof *json->items);
                json->keys = grown(json->keys, room * sizeof *json->keys);
            }
            skip_blanks();
            json->keys[json->count] = NULL;
            if (json->kind == OBJECT) {
                if (*at != '"') die("a key is missing");
                json->keys[json->count] = read_string();
                if (!take(':')) die("a colon is missing");
            }
            json->items[json->count++] = read_json();
        }
    } else {
        size_t length = strcspn(at, ",]} \t\r\n");
        if (!length) die("a value is missing");
        json->kind = *at == 'n' ? NIL : *at == 'f' ? FALSE_ : *at == 't' ? TRUE_ : NUMBER;
        json->text = grown(NULL, length + 1);
        memcpy(json->text, at, length);
        json->text[length] = 0;
        at += length;
    }
    return json;
}

static void discard(Json *json) {
    for (size_t i = 0; i < json->count; i++) {
        free(json->keys[i]);
        discard(json->items[i]);
    }
    free(json->keys);
    free(json->items);
    free(json->text);
    free(json);
}

static const Json *find(const Json *object, const char *key) {
    for (size_t i = 0; object->kind == OBJECT && i < object->count; i++)
        if (!strcmp(object->keys[i], key)) return object->items[i];
    return NULL;
}

static const Json *field(const Json *object, const char *key) {
    const Json *found = find(object, key);
    if (!found) die(key);
    return found;
}

static double number(const Json *json) {   /* C99's strtod reads hexadecimal floats, inf and nan */
    if (json->kind != STRING && json->kind != NUMBER) die("a number is missing");
    return strtod(json->text, NULL);
}

/* Answers. */

static void print_number(double x) {       /* "%a" may write "-nan", which is no number's sign */
    if (isnan(x)) printf("\"nan\"");
    else printf("\"%a\"", x);
}

static void print_array(const double *x, size_t size) {
    putchar('[');
    for (size_t i = 0; i < size; i++) {
        if (i) putchar(',');
        print_number(x[i]);
    }
    putchar(']');
}

/* A request is done (NULL), or refused because of the hyperparameter that is named. */
static void print_outcome(const char *bad) {
    if (bad) printf("{\"ok\":false,\"error\":\"%s is outside its domain\"}\n", bad);
    else printf("{\"ok\":true}\n");
}

/* Requests. */

/* Take the hyperparameters that a request names. Returns the name of a bad one, or NULL. */
static const char *take_hyper(const Json *from, Hyper *h) {
    const char *names[] = {"lr", "lambd", "alpha", "t0", "weight_decay"};
    double *places[] = {&h->lr, &h->lambd, &h->alpha, &h->t0, &h->weight_decay};
    for (int i = 0; i < 5; i++) {
        const Json *given = find(from, names[i]);
        if (!given) continue;
        double value = number(given);
        int infinite_is_good = places[i] == &h->t0;
        if (!(value >= 0) || (isinf(value) && !infinite_is_good)) return names[i];
        *places[i] = value;
    }
    const Json *maximize = find(from, "maximize");
    if (maximize) h->maximize = maximize->kind == TRUE_;
    return NULL;
}

static void take_array(const Json *from, double *to, size_t size) {
    if (from->kind != LIST || from->count != size) die("an array has another size");
    for (size_t i = 0; i < size; i++) to[i] = number(from->items[i]);
}

static void forget(void) {
    for (size_t i = 0; i < optimizer.params; i++) {
        free(optimizer.param[i].theta);
        free(optimizer.param[i].average);
    }
    free(optimizer.param);
    free(optimizer.hyper);
    memset(&optimizer, 0, sizeof optimizer);
}

/* A group whose parameters come behind all others. */
static const char *take_group(const Json *group) {
    size_t at_end = optimizer.groups;
    optimizer.hyper = grown(optimizer.hyper, (at_end + 1) * sizeof *optimizer.hyper);
    /* The defaults; the protocol always names all of them. */
    optimizer.hyper[at_end] = (Hyper){0.01, 1e-4, 0.75, 1e6, 0, 0};
    const char *bad = take_hyper(group, &optimizer.hyper[at_end]);
    if (bad) return bad;
    const Json *params = field(group, "params");
    for (size_t j = 0; j < params->count; j++) {
        size_t size = params->items[j]->count;
        optimizer.param = grown(optimizer.param, (optimizer.params + 1) * sizeof *optimizer.param);
        Parameter *p = &optimizer.param[optimizer.params++];
        memset(p, 0, sizeof *p);
        p->size = size;
        p->group = (int)at_end;
        p->theta = grown(NULL, size * sizeof(double));
        p->average = grown(NULL, size * sizeof(double));
        take_array(params->items[j], p->theta, size);
    }
    optimizer.groups++;
    return NULL;
}

static const char *take_open(const Json *request) {
    const Json *groups = field(request, "groups");
    const char *bad = NULL;
    forget();
    optimizer.is_float32 = !strcmp(field(request, "dtype")->text, "float32");
    for (size_t i = 0; i < groups->count && !bad; i++) bad = take_group(groups->items[i]);
    return bad;
}

static const Json *take_step(const Json *request) {
    const Json *grads = field(request, "grads");
    if (grads->count != optimizer.params) die("grads must have one entry a parameter");
    for (size_t i = 0; i < optimizer.params; i++) {
        Parameter *p = &optimizer.param[i];
        if (grads->items[i]->kind == NIL) continue;
        double *grad = grown(NULL, p->size * sizeof(double));
        take_array(grads->items[i], grad, p->size);
        step(p, &optimizer.hyper[p->group], grad);
        free(grad);
    }
    return grads;
}

static void answer_step(const Json *request) {
    const Json *grads = take_step(request);
    const char *keys[] = {"theta", "average", "eta", "mu"};
    printf("{\"ok\":true");
    for (int k = 0; k < 4; k++) {
        printf(",\"%s\":[", keys[k]);
        for (size_t i = 0; i < optimizer.params; i++) {
            const Parameter *p = &optimizer.param[i];
            if (i) putchar(',');
            if (k == 0) print_array(p->theta, p->size);
            else if (k == 1) print_array(p->has_average ? p->average : p->theta, p->size);
            else if (grads->items[i]->kind == NIL) printf("null");
            else print_number(k == 2 ? p->eta : p->mu);
        }
        putchar(']');
    }
    printf("}\n");
}

static const char *take_set(const Json *request) {
    size_t group = (size_t)number(field(request, "group"));
    if (group >= optimizer.groups) die("there is no such group");
    Hyper changed = optimizer.hyper[group];
    const char *bad = take_hyper(request, &changed);
    if (!bad) optimizer.hyper[group] = changed;
    return bad;
}

/* The state: what goes on living besides theta, which the caller keeps. */
static void answer_save(void) {
    printf("{\"ok\":true,\"state\":{\"groups\":[");
    for (size_t i = 0; i < optimizer.groups; i++) {
        const Hyper *h = &optimizer.hyper[i];
        printf("%s{\"lr\":\"%a\",\"lambd\":\"%a\",\"alpha\":\"%a\",\"t0\":\"%a\","
               "\"weight_decay\":\"%a\",\"maximize\":%s}", i ? "," : "", h->lr, h->lambd,
               h->alpha, h->t0, h->weight_decay, h->maximize ? "true" : "false");
    }
    printf("],\"params\":[");
    for (size_t i = 0; i < optimizer.params; i++) {
        const Parameter *p = &optimizer.param[i];
        printf("%s{\"t\":%lld,\"average\":", i ? "," : "", p->t);
        if (p->has_average) print_array(p->average, p->size);
        else printf("null");
        putchar('}');
    }
    printf("]}}\n");
}

static const char *take_load(const Json *request) {
    const Json *state = field(request, "state");
    const Json *groups = field(state, "groups"), *params = field(state, "params");
    if (groups->count != optimizer.groups || params->count != optimizer.params)
        die("the state is of other shapes");
    for (size_t i = 0; i < groups->count; i++) {
        const char *bad = take_hyper(groups->items[i], &optimizer.hyper[i]);
        if (bad) return bad;
    }
    for (size_t i = 0; i < params->count; i++) {
        Parameter *p = &optimizer.param[i];
        const Json *average = field(params->items[i], "average");
        p->t = atoll(field(params->items[i], "t")->text);
        p->has_average = average->kind == LIST;
        if (p->has_average) take_array(average, p->average, p->size);
    }
    return NULL;
}

static void answer(const Json *request) {
    const char *op = field(request, "op")->text;
    /* NOT SHOWN: delete from "reads" what your port cannot show, and from "supports" what it cannot
     * do; what you leave out of "reads", delete in answer_step too. */
    if (!strcmp(op, "hello"))
        printf("{\"ok\":true,\"protocol\":1,\"name\":\"asgd.c\",\"version\":\"1\","
               "\"dtypes\":[\"float32\",\"float64\"],\"reads\":[\"average\",\"eta\",\"mu\"],"
               "\"supports\":[\"groups\",\"skip\",\"set\",\"save\",\"maximize\",\"add_group\"]}\n");
    else if (!strcmp(op, "open")) print_outcome(take_open(request));
    else if (!strcmp(op, "step")) answer_step(request);
    else if (!strcmp(op, "add_group")) print_outcome(take_group(field(request, "group")));
    else if (!strcmp(op, "set")) print_outcome(take_set(request));
    else if (!strcmp(op, "save")) answer_save();
    else if (!strcmp(op, "load")) print_outcome(take_load(request));
    else if (!strcmp(op, "close")) print_outcome(NULL);
    else printf("{\"ok\":false,\"error\":\"there is no such operation\"}\n");
}

/* One line of standard input in *line, which grows as needed. Returns 0 at the end. */
static int read_line(char **line, size_t *room) {
    size_t length = 0;
    for (;;) {
        if (*room - length < 2) *line = grown(*line, *room = *room ? 2 * *room : 1 << 16);
        if (!fgets(*line + length, (int)(*room - length), stdin)) return length > 0;
        length += strlen(*line + length);
        if (length && (*line)[length - 1] == '\n') return 1;
    }
}

/* The frozen vectors: every number must be as near to the value as its bound says. */

static int near(double got, const Json *value, const Json *bound) {
    return value->kind == NIL || fabs(got - number(value)) <= number(bound);
}

static int near_array(const double *got, const Json *value, const Json *bound) {
    for (size_t i = 0; i < value->count; i++)   /* null, where nothing is specified, has none */
        if (!near(got[i], value->items[i], bound->items[i])) return 0;
    return 1;
}

static int step_passes(const Json *event) {
    const Json *eta = field(event, "eta"), *eta_bound = field(event, "eta_bound");
    const Json *mu = field(event, "mu"), *mu_bound = field(event, "mu_bound");
    const Json *theta = field(event, "theta"), *theta_bound = field(event, "theta_bound");
    const Json *average = field(event, "average"), *average_bound = field(event, "average_bound");
    take_step(event);
    for (size_t i = 0; i < optimizer.params; i++) {
        const Parameter *p = &optimizer.param[i];
        const double *shown = p->has_average ? p->average : p->theta;
        if (!near(p->eta, eta->items[i], eta_bound->items[i]) ||
            !near(p->mu, mu->items[i], mu_bound->items[i]) ||
            !near_array(p->theta, theta->items[i], theta_bound->items[i]) ||
            !near_array(shown, average->items[i], average_bound->items[i]))
            return 0;
    }
    return 1;
}

static int check(const char *path) {
    char *text = NULL;
    size_t room = 0, length = 0, failed = 0;
    FILE *file = fopen(path, "rb");
    if (!file) die("the vectors cannot be read");
    do {
        text = grown(text, room = room ? 2 * room : 1 << 16);
        length += fread(text + length, 1, room - length - 1, file);
    } while (length == room - 1);
    fclose(file);
    text[length] = 0;
    at = text;
    Json *document = read_json();
    const Json *cases = field(document, "cases");
    for (size_t i = 0; i < cases->count; i++) {
        const Json *vector = cases->items[i], *events = field(vector, "events");
        int passes = !take_open(vector);
        for (size_t j = 0; passes && j < events->count; j++) {
            const Json *event = events->items[j];
            if (!strcmp(field(event, "op")->text, "set")) passes = !take_set(event);
            else passes = step_passes(event);
        }
        if (passes) continue;
        failed++;
        printf("failed %s: %s\n", field(vector, "id")->text, field(vector, "comment")->text);
    }
    printf("%zu of %zu cases passed\n", cases->count - failed, cases->count);
    discard(document);
    free(text);
    forget();
    return failed > 0;
}

static int serve(void) {
    char *line = NULL;
    size_t room = 0;
    int open = 1;
    while (open && read_line(&line, &room)) {
        at = line;
        Json *request = read_json();
        answer(request);
        fflush(stdout);          /* one write and one flush an answer */
        open = strcmp(field(request, "op")->text, "close");
        discard(request);
    }
    free(line);
    forget();
    return 0;
}

int main(int count, char **words) {
    /* A compiler that keeps floats wider than their type (x87) cannot round as E2 to E5 say. */
    if (FLT_EVAL_METHOD != 0) die("compile for an arithmetic without excess precision");
    return count > 1 ? check(words[1]) : serve();
}
