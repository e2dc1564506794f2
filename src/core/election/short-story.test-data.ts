import { type PlayedScene, playStory } from "./election-story.ts";

// The stories of election-story.ts, told shorter: no routine advertisements, no deadlines.

export function shortStory(text: string): PlayedScene[] {
  return playStory(text).map(({ told, ...rest }) => {
    const lines = told.split("\n").map(withoutRoutine);
    return { ...rest, told: lines.filter((line) => line !== "").join("\n") };
  });
}

function withoutRoutine(line: string): string {
  if (/^\S+ {2}deadline=/.test(line)) return line.replace(/ .*/, "");
  const isNews = /->|drain|refused/.test(line);
  return isNews ? line : "";
}

/** gw1 is active since 1.4 s, and the minimum time before a handover for a check is over. gw2 is complete. */
export const active = `
    node gw1 priority=110 interval=100ms peers=gw2
    up lan
    ready
    complete
    advance 20s
    pulse gw2 standby priority=100 complete
    ----
    1.071s  pulses, init -> standby: it has listened and can serve
    1.428s  add-addresses, pulses, announce, advert lan 110, standby -> active: every other router was silent for 357 ms on every path
    active
`;

/** What a node does in one scene, without pulses. */
export function told(scene: string): string[] {
  return playStory(`${scene}\n----\n-`)
    .flatMap((one) => one.told.split("\n"))
    .filter((line) => !/^\S+ {2}deadline=/.test(line));
}

/** A node that found nobody: it listened for 3 x 3.609 s, and then waited for an active-down time of 3.609 s. */
export const alone = `
    node gw1 priority=100 interval=1s peers=gw2
    up lan
    ready
    complete
    advance 14.437s
    ----
    10.828s  pulses, init -> standby: it has listened and can serve
    14.438s  add-addresses, pulses, announce, advert lan 100, standby -> active: every other router was silent for 3609 ms on every path
    active  deadline=14.488s
`;
