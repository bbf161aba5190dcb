// Averaged SGD behind the port protocol (protocol.md), in Rust and its standard library.
//
//     rustc -O -o asgd asgd.rs && asgd verify -- ./asgd
//
// It implements the convention "documented". The lines marked TORCH say what "torch" changes.
// Replace Parameter::step by your own optimizer (YOURS), and keep the rest.

use std::io::{self, BufRead, Write};

// The optimizer: what a port is about.

#[derive(Clone)]
struct Hyper {
    lr: f64,
    lambd: f64,
    alpha: f64,
    t0: f64,
    weight_decay: f64,
    maximize: bool,
}

struct Parameter {
    group: usize,
    t: u64,
    eta: f64,
    mu: f64,
    theta: Vec<f64>,
    average: Option<Vec<f64>>, // None: it is theta
}

/// Round to the dtype. One operation in f64, rounded to f32, is that operation in f32.
fn rounded(x: f64, float32: bool) -> f64 {
    if float32 { x as f32 as f64 } else { x }
}

/// E2: the step size after t steps.
fn step_size(t: u64, h: &Hyper) -> f64 {
    h.lr / (1.0 + h.lambd * h.lr * t as f64).powf(h.alpha)
}

/// E4: the weight of the newest iterate.
fn averaging_weight(t: u64, t0: f64) -> f64 {
    1.0 / (t as f64 - t0).max(1.0)
}

impl Parameter {
    /// E6: one step of one parameter that has a gradient.
    /// YOURS: your arithmetic goes here; it may call your library.
    fn step(&mut self, h: &Hyper, grad: &[f64], float32: bool) {
        self.t += 1;
        // TORCH: step_size(self.t - 1, ...) and averaging_weight(self.t - 1, t0), without ceil;
        // and lr, lambd, alpha and t0 in these two lines are those of the end of the parameter's
        // step before (those in force at its first), so keep a copy of `h` here, and save it.
        self.eta = step_size(self.t, h);
        self.mu = averaging_weight(self.t + 1, h.t0.ceil());
        let round = |x: f64| rounded(x, float32);
        let (eta, mu) = (round(self.eta), round(self.mu));
        let (lambd, weight_decay) = (round(h.lambd), round(h.weight_decay));
        let start = &self.theta;
        let average = self.average.get_or_insert_with(|| start.clone());
        for ((theta, average), grad) in self.theta.iter_mut().zip(average).zip(grad) {
            let mut g = if h.maximize { -grad } else { *grad };
            // E1 and E3; without the tests, 0 * inf would make a nan.
            if weight_decay != 0.0 {
                g = round(g + round(weight_decay * *theta));
            }
            if lambd != 0.0 {
                g = round(g + round(lambd * *theta));
            }
            if eta != 0.0 {
                *theta = round(*theta - round(eta * g));
            }
            // E5; with mu = 1 a copy, for inf - inf would make a nan.
            *average = match mu == 1.0 {
                true => *theta,
                false => round(*average + round(mu * round(*theta - *average))),
            };
        }
    }
}

// JSON, as much of it as the protocol needs.

enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

type Outcome<T> = Result<T, String>;

impl Json {
    fn find(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    fn field(&self, key: &str) -> Outcome<&Json> {
        self.find(key).ok_or(format!("there is no {key}"))
    }

    fn list(&self) -> Outcome<&[Json]> {
        match self {
            Json::List(items) => Ok(items),
            _ => Err("a list is missing".into()),
        }
    }

    fn text(&self) -> Outcome<&str> {
        match self {
            Json::Text(text) => Ok(text),
            _ => Err("a string is missing".into()),
        }
    }

    fn integer(&self) -> Outcome<u64> {
        match self {
            Json::Number(x) => Ok(*x as u64),
            _ => Err("an integer is missing".into()),
        }
    }

    fn array(&self) -> Outcome<Vec<f64>> {
        self.list()?.iter().map(|x| from_hex(x.text()?)).collect()
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> u8 {
        while self.text.get(self.at).is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
        *self.text.get(self.at).unwrap_or(&0)
    }

    fn take(&mut self, c: u8) -> bool {
        let found = self.peek() == c;
        self.at += found as usize;
        found
    }

    fn until(&mut self, end: impl Fn(u8) -> bool) -> Outcome<String> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(|c| !end(*c)) {
            self.at += 1;
        }
        String::from_utf8(self.text[start..self.at].to_vec()).map_err(|e| e.to_string())
    }

    /// Escapes are not understood: nothing that the protocol sends has any.
    fn string(&mut self) -> Outcome<String> {
        if !self.take(b'"') {
            return Err("a string is missing".into());
        }
        let text = self.until(|c| c == b'"')?;
        self.at += 1;
        Ok(text)
    }

    fn value(&mut self) -> Outcome<Json> {
        match self.peek() {
            b'"' => Ok(Json::Text(self.string()?)),
            b'[' => {
                let mut items = Vec::new();
                self.at += 1;
                while !self.take(b']') {
                    if !items.is_empty() && !self.take(b',') {
                        return Err("a comma is missing".into());
                    }
                    items.push(self.value()?);
                }
                Ok(Json::List(items))
            }
            b'{' => {
                let mut pairs = Vec::new();
                self.at += 1;
                while !self.take(b'}') {
                    if !pairs.is_empty() && !self.take(b',') {
                        return Err("a comma is missing".into());
                    }
                    self.peek();
                    let key = self.string()?;
                    if !self.take(b':') {
                        return Err("a colon is missing".into());
                    }
                    pairs.push((key, self.value()?));
                }
                Ok(Json::Object(pairs))
            }
            _ => {
                let word = self.until(|c| b",]} \t\r\n".contains(&c))?;
                match word.as_str() {
                    "null" => Ok(Json::Null),
                    "true" => Ok(Json::Bool(true)),
                    "false" => Ok(Json::Bool(false)),
                    _ => word.parse().map(Json::Number).map_err(|_| format!("not JSON: {word}")),
                }
            }
        }
    }
}

// Hexadecimal floats, by the bits of the number: sign, 11 bits of exponent, 52 of significand.

fn from_hex(text: &str) -> Outcome<f64> {
    let bad = || format!("not a hexadecimal float: {text}");
    let (sign, size) = match text.strip_prefix('-') {
        Some(rest) => (1u64 << 63, rest),
        None => (0, text),
    };
    match size {
        "inf" => return Ok(f64::from_bits(sign | f64::INFINITY.to_bits())),
        "nan" => return Ok(f64::NAN),
        _ => {}
    }
    let (digits, power) = size.strip_prefix("0x").and_then(|s| s.split_once('p')).ok_or_else(bad)?;
    let (lead, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let power: i64 = power.parse().map_err(|_| bad())?;
    let significand = u64::from_str_radix(&format!("{fraction:0<13}"), 16).map_err(|_| bad())?;
    // A leading 0 is a zero or a subnormal number: their exponent's bits are 0.
    let exponent = if lead == "1" { (power + 1023) as u64 } else { 0 };
    Ok(f64::from_bits(sign | exponent << 52 | significand))
}

fn to_hex(x: f64) -> String {
    if x.is_nan() {
        return "\"nan\"".into();
    }
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if x.is_infinite() {
        return format!("\"{sign}inf\"");
    }
    let (exponent, significand) = (x.to_bits() >> 52 & 0x7ff, x.to_bits() & ((1 << 52) - 1));
    let power = if x == 0.0 { 0 } else { exponent.max(1) as i64 - 1023 };
    format!("\"{sign}0x{}.{significand:013x}p{power:+}\"", exponent.min(1))
}

fn joined(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn array(values: &[f64]) -> String {
    joined(values.iter().map(|x| to_hex(*x)))
}

// Requests.

#[derive(Default)]
struct Port {
    float32: bool,
    groups: Vec<Hyper>,
    params: Vec<Parameter>,
}

/// Take the hyperparameters that a request names, checked.
fn take_hyper(from: &Json, h: &mut Hyper) -> Outcome<()> {
    for (name, place) in [
        ("lr", &mut h.lr),
        ("lambd", &mut h.lambd),
        ("alpha", &mut h.alpha),
        ("t0", &mut h.t0),
        ("weight_decay", &mut h.weight_decay),
    ] {
        if let Some(given) = from.find(name) {
            let value = from_hex(given.text()?)?;
            if !(value >= 0.0) || (value.is_infinite() && name != "t0") {
                let domain = if name == "t0" { "[0, inf]" } else { "[0, inf)" };
                return Err(format!("{name} must be in {domain}, got {value}"));
            }
            *place = value;
        }
    }
    if let Some(given) = from.find("maximize") {
        h.maximize = matches!(given, Json::Bool(true));
    }
    Ok(())
}

impl Port {
    /// The answer to a request: what follows `"ok":true`, or why it is refused.
    fn answer(&mut self, request: &Json) -> Outcome<String> {
        match request.field("op")?.text()? {
            // NOT SHOWN: delete from "reads" what your port cannot show, and from "supports" what it
            // cannot do; what you leave out of "reads", delete in `step` below too.
            "hello" => Ok(concat!(
                r#","protocol":1,"name":"asgd.rs","version":"1","dtypes":["float32","float64"],"#,
                r#""reads":["average","eta","mu"],"#,
                r#""supports":["groups","skip","set","save","maximize","add_group"]"#
            )
            .into()),
            "open" => self.open(request),
            "add_group" => self.add_group(request.field("group")?),
            "step" => self.step(request),
            "set" => {
                let group = request.field("group")?.integer()? as usize;
                let place = self.groups.get_mut(group).ok_or("there is no such group")?;
                let mut changed = place.clone();
                take_hyper(request, &mut changed)?;
                *place = changed;
                Ok("".into())
            }
            "save" => Ok(self.save()),
            "load" => self.load(request.field("state")?),
            "close" => Ok("".into()),
            op => Err(format!("there is no operation {op}")),
        }
    }

    fn open(&mut self, request: &Json) -> Outcome<String> {
        *self = Port { float32: request.field("dtype")?.text()? == "float32", ..Port::default() };
        for group in request.field("groups")?.list()? {
            self.add_group(group)?;
        }
        Ok("".into())
    }

    /// Take a group whose parameters come behind all others.
    fn add_group(&mut self, given: &Json) -> Outcome<String> {
        // The defaults; the protocol always names all of them.
        let mut h = Hyper {
            lr: 0.01,
            lambd: 1e-4,
            alpha: 0.75,
            t0: 1e6,
            weight_decay: 0.0,
            maximize: false,
        };
        take_hyper(given, &mut h)?;
        let group = self.groups.len();
        self.groups.push(h);
        for theta in given.field("params")?.list()? {
            let theta = theta.array()?;
            self.params.push(Parameter { group, t: 0, eta: 0.0, mu: 0.0, theta, average: None });
        }
        Ok("".into())
    }

    fn step(&mut self, request: &Json) -> Outcome<String> {
        let grads = request.field("grads")?.list()?;
        if grads.len() != self.params.len() {
            return Err("grads must have one entry a parameter".into());
        }
        for (p, grad) in self.params.iter_mut().zip(grads) {
            if matches!(grad, Json::Null) {
                continue;
            }
            let grad = grad.array()?;
            if grad.len() != p.theta.len() {
                return Err("a gradient has another size than its parameter".into());
            }
            p.step(&self.groups[p.group], &grad, self.float32);
        }
        let used = |read: fn(&Parameter) -> f64| {
            joined(self.params.iter().zip(grads).map(|(p, grad)| match grad {
                Json::Null => "null".into(),
                _ => to_hex(read(p)),
            }))
        };
        Ok(format!(
            r#","theta":{},"average":{},"eta":{},"mu":{}"#,
            joined(self.params.iter().map(|p| array(&p.theta))),
            joined(self.params.iter().map(|p| array(p.average.as_ref().unwrap_or(&p.theta)))),
            used(|p| p.eta),
            used(|p| p.mu),
        ))
    }

    /// The state: what goes on living besides theta, which the caller keeps.
    fn save(&self) -> String {
        let groups = self.groups.iter().map(|h| {
            format!(
                r#"{{"lr":{},"lambd":{},"alpha":{},"t0":{},"weight_decay":{},"maximize":{}}}"#,
                to_hex(h.lr),
                to_hex(h.lambd),
                to_hex(h.alpha),
                to_hex(h.t0),
                to_hex(h.weight_decay),
                h.maximize
            )
        });
        let params = self.params.iter().map(|p| {
            let average = p.average.as_ref().map_or("null".into(), |x| array(x));
            format!(r#"{{"t":{},"average":{average}}}"#, p.t)
        });
        format!(r#","state":{{"groups":{},"params":{}}}"#, joined(groups), joined(params))
    }

    fn load(&mut self, state: &Json) -> Outcome<String> {
        let (groups, params) = (state.field("groups")?.list()?, state.field("params")?.list()?);
        if groups.len() != self.groups.len() || params.len() != self.params.len() {
            return Err("the state is of other shapes".into());
        }
        for (h, given) in self.groups.iter_mut().zip(groups) {
            take_hyper(given, h)?;
        }
        for (p, given) in self.params.iter_mut().zip(params) {
            p.t = given.field("t")?.integer()?;
            p.average = match given.field("average")? {
                Json::Null => None,
                average => Some(average.array()?),
            };
        }
        Ok("".into())
    }
}

fn main() -> io::Result<()> {
    let mut port = Port::default();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let request = Reader { text: line.as_bytes(), at: 0 }.value();
        let answer = request.as_ref().map_err(|e| e.clone()).and_then(|r| port.answer(r));
        let text = match answer {
            Ok(fields) => format!("{{\"ok\":true{fields}}}\n"),
            Err(why) => format!("{{\"ok\":false,\"error\":\"{}\"}}\n", why.replace('"', "'")),
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?; // one write and one flush an answer
        out.flush()?;
        let op = request.ok().and_then(|r| Some(r.find("op")?.text().ok()?.to_owned()));
        if op.as_deref() == Some("close") {
            break;
        }
    }
    Ok(())
}
