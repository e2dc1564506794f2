import {
  ActiveSpeaks,
  AddressesFollowTheRole,
  NeverLongWithoutActive,
  NoDeafContest,
  NoFalseTakeover,
  NoRace,
  NoRetreatWithoutCause,
  NoSharedAddresses,
  NoTakeoverWithIncompleteTable,
  NoTakeoverWithoutCause,
  NoWordAfterSleep,
  OneActiveAtTheEnd,
} from "./election-checkers.ts";
import type { Checker } from "./election-cluster.ts";
import {
  NoFlapping,
  OneActivePerComponent,
  ServesFromTheFirstMoment,
} from "./election-component-checkers.ts";

/** A new checker of each kind, for one history. */
export function everyPromise(): Checker[] {
  return [
    new OneActiveAtTheEnd(),
    new OneActivePerComponent(),
    new NeverLongWithoutActive(),
    new NoSharedAddresses(),
    new NoDeafContest(),
    new NoTakeoverWithoutCause(),
    new NoFalseTakeover(),
    new NoRace(),
    new NoTakeoverWithIncompleteTable(),
    new NoRetreatWithoutCause(),
    new NoFlapping(),
    new ServesFromTheFirstMoment(),
    new NoWordAfterSleep(),
    new ActiveSpeaks(),
    new AddressesFollowTheRole(),
  ];
}
