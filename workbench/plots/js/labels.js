// The part of the date that is news against the tick before.
const {time, x: first} = view.data
const at = (x) => {
  let lo = 0, hi = first.length - 1
  while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (first[mid] <= x) { lo = mid } else { hi = mid - 1 } }
  return new Date(time[lo])
}
if (first.length == 0) { return "" }
const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const now = at(tick)
const before = index > 0 ? at(ticks[index - 1]) : null
const two = (v) => String(v).padStart(2, "0")
if (before == null) {
  if (ticks.length > 1 && at(ticks[ticks.length - 1]) - now > 700 * 864e5) { return String(now.getUTCFullYear()) }
  return month[now.getUTCMonth()] + (ticks.length > 1 && at(ticks[1]) - now < 20 * 864e5
    ? " " + now.getUTCDate() : " " + now.getUTCFullYear())
}
if (now.getUTCFullYear() != before.getUTCFullYear()) { return String(now.getUTCFullYear()) }
if (now.getUTCMonth() != before.getUTCMonth()) {
  return now.getUTCDate() > 7 ? now.getUTCDate() + " " + month[now.getUTCMonth()] : month[now.getUTCMonth()] }
if (now.getUTCDate() != before.getUTCDate()) { return String(now.getUTCDate()) }
return two(now.getUTCHours()) + ":" + two(now.getUTCMinutes())
