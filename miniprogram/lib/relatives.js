// Families, groups and the ranking as pages show them. Pure.

const { carbon, count, local, plainDay, today } = require('./show');

const day = (iso) => plainDay(local(iso).day, today(Date.now()));

function family(given) {
  const owner = given.members.find((member) => member.own).role === 'owner';
  return {
    name: given.name,
    own: given.member_id,
    owner,
    month: carbon(given.month_g),
    full: given.members.length >= given.members_max,
    most: given.members_max,
    left: count(given.left_to_give),
    rule: `每人每天最多送 ${count(given.gift_rule.giver_day_points)} 分，收 ${count(given.gift_rule.receiver_day_points)} 分`,
    members: given.members.map((member) => ({
      id: member.member_id,
      name: member.own ? `我（${member.nickname}）` : member.nickname,
      own: member.own,
      month: member.month_g === null ? '没有公开' : carbon(member.month_g),
      removable: member.own || owner,
    })),
    gifts: given.gifts.map((gift) => ({
      id: gift.id,
      words: gift.sent ? `送给${gift.receiver}` : `${gift.giver}送我`,
      points: `${gift.sent ? '−' : '+'}${count(gift.points)} 分`,
      when: day(gift.given_at),
    })),
  };
}

function group(given) {
  const { week } = given;
  let words = '还没有公布过一周的数';
  if (week && week.withheld) words = week.withheld_zh;
  else if (week) words = `${plainDay(week.week, today(Date.now()))}那一周，${count(week.people)} 人少排 ${carbon(week.reduction_g)}`;
  return { id: given.id, name: given.name, kind: given.kind_zh, members: given.members === null ? '人数少于公布下限' : `${count(given.members)} 人`, words };
}

function board(given) {
  const line = (place) => ({ place: place.place, name: place.own ? `我（${place.nickname}）` : place.nickname, grams: carbon(place.reduction_g), own: place.own });
  return {
    joined: given.joined,
    version: given.consent_version,
    week: given.week ? `${plainDay(given.week, today(Date.now()))}那一周` : '',
    places: given.places.map(line),
    own: given.own ? line(given.own) : null,
  };
}

/** Who did what for the reader: number of the act or the voucher → name. kind: 'act' or 'redemption'. */
function helpers(given, kind) {
  return Object.fromEntries(given.actions.filter((row) => row.kind === kind).map((row) => [row.object_id, row.by]));
}

/** Grants in force, given or held, and what others did for the reader, newest first. */
function proxies(given) {
  return {
    held: given.items
      .filter((row) => row.standing)
      .map((row) => ({
        id: row.id,
        own: row.role === 'principal',
        name: row.role === 'principal' ? row.agent : row.principal,
        words: row.role === 'principal' ? `${row.agent}替我办` : `我替${row.principal}办`,
        limits: `到${day(row.until)}；每天最多 ${count(row.day_points)} 分，每月最多 ${count(row.month_points)} 分`,
      })),
    done: given.actions.map((row) => ({
      key: `${row.kind} ${row.object_id}`,
      words: `${row.by}${row.kind === 'act' ? '代报' : '代兑换'}`,
      when: day(row.at),
      points: row.points ? `−${count(row.points)} 分` : '',
    })),
  };
}

module.exports = { family, group, board, helpers, proxies };
